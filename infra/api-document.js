// An OpenAPI document as API Gateway imports it: the contract, and what only the gateway needs to know.
'use strict';

const gatewayResponses = require('./gateway-responses');
const { pageIntegration } = require('./page');

// Bytes from which an answer is compressed if the client likes. That it is set at all is what makes API Gateway
// unpack gzip requests.
const MINIMUM_COMPRESSION_SIZE = 1024;

// API Gateway's own limit; the functions answer long before.
const INTEGRATION_TIMEOUT_MS = 29000;

const LAMBDA = 'arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31';

const toFunction = (target) => ({
  type: 'aws_proxy',
  httpMethod: 'POST',
  uri: { 'Fn::Sub': `${LAMBDA}/functions/\${${target}}/invocations` },
  timeoutInMillis: INTEGRATION_TIMEOUT_MS,
});

// A mock needs a template that fits the Content-Type; browsers send none, which counts as JSON. Without a fit it would
// fail with a 500, so it must `never` pass on what it has no template for: that is 415, and a problem with 400.
const PREFLIGHT_TYPES = ['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'];

const preflight = (methods, allowedOrigin) => ({
  type: 'mock',
  passthroughBehavior: 'never',
  requestTemplates: Object.fromEntries(PREFLIGHT_TYPES.map((type) => [type, '{"statusCode":204}'])),
  responses: {
    default: {
      statusCode: '204',
      responseParameters: {
        'method.response.header.access-control-allow-origin': `'${allowedOrigin}'`,
        'method.response.header.access-control-allow-methods': `'${methods}'`,
        'method.response.header.access-control-allow-headers': "'x-api-key,content-type,idempotency-key'",
      },
    },
  },
});

// API Gateway would read NDJSON as JSON to validate it, so it learns nothing of it: what is no JSON passes to the function.
const onlyJson = ({ content, ...requestBody }) => ({
  ...requestBody,
  content: { 'application/json': content['application/json'] },
});

const methodOf = (operations) => Object.keys(operations).find((each) => each !== 'options');

// The operations of a path, each with what API Gateway does for it.
const withIntegrations = (path, operations, target, allowedOrigin) => {
  // The page holds no data: any origin may have it, and no key opens it.
  if (path === '/') return { get: { ...operations.get, 'x-amazon-apigateway-integration': pageIntegration() } };
  const method = methodOf(operations);
  const methods = ['OPTIONS', method.toUpperCase()].sort().join(',');
  return {
    [method]: {
      ...operations[method],
      // The body against the document's model, for JSON or no Content-Type; other types pass to the function.
      ...(operations[method].requestBody && {
        requestBody: onlyJson(operations[method].requestBody),
        'x-amazon-apigateway-request-validator': 'body',
      }),
      'x-amazon-apigateway-integration': toFunction(target),
    },
    options: {
      ...operations.options,
      'x-amazon-apigateway-integration': preflight(methods, allowedOrigin),
    },
  };
};

// `target` is the function's alias; its Ref is an ARN.
const apiDocument = ({ document, title, target, allowedOrigin }) => {
  const paths = Object.entries(document.paths).map(([path, operations]) => [
    path,
    withIntegrations(path, operations, target, allowedOrigin),
  ]);
  const methods = Object.entries(document.paths).filter(([path]) => path !== '/');
  const known = methods.map(([path, operations]) => `${methodOf(operations).toUpperCase()} ${path}`);
  return {
    ...document,
    // The import takes the API's name from here, whatever the resource says.
    info: { ...document.info, title },
    paths: Object.fromEntries(paths),
    'x-amazon-apigateway-api-key-source': 'HEADER',
    'x-amazon-apigateway-minimum-compression-size': MINIMUM_COMPRESSION_SIZE,
    'x-amazon-apigateway-request-validators': { body: { validateRequestBody: true, validateRequestParameters: false } },
    'x-amazon-apigateway-gateway-responses': gatewayResponses(known, allowedOrigin),
  };
};

module.exports = { apiDocument, MINIMUM_COMPRESSION_SIZE };
