// The two REST APIs. They differ in document, function and usage plan. Each has its own keys, so a device's key cannot
// read and a dashboard's key cannot write.
'use strict';

const { createHash } = require('node:crypto');

const { apiDocument, MINIMUM_COMPRESSION_SIZE } = require('./api-document');
const { apiKeys } = require('./api-keys');
const { arnOf } = require('./arn');

const APIS = [
  { id: 'PostLog', key: 'postLog', name: 'post-log', route: 'POST/logs', file: 'openapi/post-log.yml' },
  { id: 'GetLogs', key: 'getLogs', name: 'get-logs', route: 'GET/*', file: 'openapi/get-logs.yml' },
];

// One line of JSON per request, only with values of the gateway: a value from a client could break the quotes.
const ACCESS_LOG = JSON.stringify({
  time: '$context.requestTimeEpoch',
  // API Gateway's id: in its own responses, and in the header x-amzn-requestid of all responses.
  request_id: '$context.requestId',
  // Lambda's id: in the function's responses and log lines, and in START and REPORT.
  integration_request_id: '$context.integration.requestId',
  trace_id: '$context.xrayTraceId',
  method: '$context.httpMethod',
  resource: '$context.resourcePath',
  status: '$context.status',
  error: '$context.error.responseType',
  integration_status: '$context.integration.status',
  latency_ms: '$context.responseLatency',
  integration_latency_ms: '$context.integration.latency',
  response_bytes: '$context.responseLength',
  source_ip: '$context.identity.sourceIp',
  api_key_id: '$context.identity.apiKeyId',
});

// Preflights of the post API: a second, and at once. Devices send none; a page in a browser sends one with each POST.
const PREFLIGHTS = { rate: 20, burst: 40 };

const methodSettings = (path, method, rate, burst) => ({
  // API Gateway writes the slash in a path as ~1.
  ResourcePath: path,
  HttpMethod: method,
  MetricsEnabled: true,
  ThrottlingRateLimit: rate,
  ThrottlingBurstLimit: burst,
  // Execution logs would contain payloads, and their log group has no retention. Access log and X-Ray suffice.
  LoggingLevel: 'OFF',
  DataTraceEnabled: false,
});

const resources = ({ id, name, route, plan, target, body, service, stage, settings }) => {
  const fullName = `${service}-${stage}-${name}`;
  const api = {
    Type: 'AWS::ApiGateway::RestApi',
    Properties: {
      Name: fullName,
      Description: body.info.description,
      // The document is the whole API: a path that is removed from it is removed from the API.
      Mode: 'overwrite',
      EndpointConfiguration: { Types: ['REGIONAL'] },
      ApiKeySourceType: 'HEADER',
      MinimumCompressionSize: MINIMUM_COMPRESSION_SIZE,
      Body: body,
    },
  };
  // A deployment is a snapshot of the API and is never updated. CloudFormation creates a new one only for a new logical
  // id, so the id is a hash of everything in the snapshot.
  const snapshot = createHash('sha256').update(JSON.stringify(api.Properties)).digest('hex').slice(0, 12);
  const deployment = `${id}Deployment${snapshot}`;

  return {
    [`${id}Api`]: api,
    [deployment]: {
      Type: 'AWS::ApiGateway::Deployment',
      Properties: { RestApiId: { Ref: `${id}Api` }, Description: `Snapshot ${snapshot}` },
    },
    [`${id}Stage`]: {
      Type: 'AWS::ApiGateway::Stage',
      ...(!settings.traces && {
        Metadata: { checkov: { skip: [{ id: 'CKV_AWS_73', comment: 'the parameter traces is false' }] } },
      }),
      // Before the stage accepts a request, the permission and the role for access logs must exist.
      DependsOn: [`${id}Permission`, ...(settings.gatewayAccount === 'created' ? ['GatewayAccount'] : [])],
      Properties: {
        RestApiId: { Ref: `${id}Api` },
        DeploymentId: { Ref: deployment },
        StageName: stage,
        TracingEnabled: settings.traces,
        AccessLogSetting: {
          // Not the attribute Arn: it ends with ":*", which API Gateway does not accept.
          DestinationArn: {
            'Fn::Sub': `${arnOf('logs')}:log-group:\${${id}AccessLog}`,
          },
          Format: ACCESS_LOG,
        },
        MethodSettings: [
          methodSettings('/*', '*', plan.rate, plan.burst),
          // Who has no key has no usage plan, and each request is paid for.
          ...(id === 'PostLog' ? [methodSettings('/~1logs', 'OPTIONS', PREFLIGHTS.rate, PREFLIGHTS.burst)] : []),
        ],
      },
    },
    [`${id}AccessLog`]: {
      Type: 'AWS::Logs::LogGroup',
      Properties: { LogGroupName: `/aws/apigateway/${fullName}`, RetentionInDays: settings.logRetention },
    },
    [`${id}UsagePlan`]: {
      Type: 'AWS::ApiGateway::UsagePlan',
      Properties: {
        UsagePlanName: fullName,
        ApiStages: [{ ApiId: { Ref: `${id}Api` }, Stage: { Ref: `${id}Stage` } }],
        Throttle: { RateLimit: plan.rate, BurstLimit: plan.burst },
        ...(plan.quota > 0 && { Quota: { Limit: plan.quota, Period: 'DAY' } }),
      },
    },
    // Only for this stage, method and path of this API. Created after the API, which refers to the function: the other
    // order would be a circular reference.
    [`${id}Permission`]: {
      Type: 'AWS::Lambda::Permission',
      Properties: {
        Action: 'lambda:InvokeFunction',
        Principal: 'apigateway.amazonaws.com',
        FunctionName: { 'Fn::Sub': `\${${target}}` },
        SourceArn: {
          'Fn::Sub': `${arnOf('execute-api')}:\${${id}Api}/${stage}/${route}`,
        },
      },
    },
  };
};

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const service = await resolveVariable('self:service');
  const stage = await resolveVariable('sls:stage');
  const all = {};
  const outputs = {};
  for (const api of APIS) {
    const { id, key, name, file } = api;
    // infra/aliases.js makes it.
    const target = `${id}Alias`;
    const document = await resolveVariable(`file(${file})`);
    const body = apiDocument({
      document,
      title: `${service}-${stage}-${name}`,
      target,
      allowedOrigin: settings.allowedOrigin,
    });
    const keys = apiKeys(id, `${service}-${stage}-${name}`, settings.apiKeys[key]);
    const plan = settings.plans[key];
    Object.assign(all, resources({ ...api, plan, target, body, service, stage, settings }), keys.Resources);
    Object.assign(outputs, keys.Outputs);
  }
  return { Resources: all, Outputs: outputs };
};
