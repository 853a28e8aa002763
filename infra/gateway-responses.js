// What the gateway itself answers: the contract's problem+json (crates/edge/src/problem.rs) for every type of
// gateway response that AWS has, so that no client ever meets {"message":…}.
'use strict';

const TITLES = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  413: 'Payload Too Large',
  429: 'Too Many Requests',
  502: 'Bad Gateway',
  504: 'Gateway Timeout',
};

// Where the contract has one status for several of AWS's, it is the contract's that goes out.
const responses = (method) => {
  const noSuchPath = { status: 404, detail: `there is only ${method} /logs here` };
  const noKey = { status: 403, detail: "send this API's own key in the header x-api-key" };
  const refused = { status: 403, detail: 'this request is not allowed here' };
  const badParameters = { status: 400, detail: 'the parameters of the request are wrong' };
  const tooMany = { status: 429, detail: 'the usage plan of this key is spent for now' };
  // Nobody knows how far the function came. A function that was throttled ends here, too: hence a second of patience.
  const failed = { status: 502, detail: 'the function failed; send the request again', retryAfter: 1 };
  return {
    // AWS's word for a path or method that does not exist, with or without a key.
    MISSING_AUTHENTICATION_TOKEN: noSuchPath,
    RESOURCE_NOT_FOUND: noSuchPath,
    INVALID_API_KEY: noKey,
    // No authorizer and no signature is asked for; a client that sends one anyway is told what counts.
    UNAUTHORIZED: noKey,
    INVALID_SIGNATURE: noKey,
    EXPIRED_TOKEN: noKey,
    ACCESS_DENIED: refused,
    WAF_FILTERED: refused,
    BAD_REQUEST_BODY: { status: 400, detail: 'the body is not JSON in one of the shapes that this API takes' },
    BAD_REQUEST_PARAMETERS: badParameters,
    // 415 at AWS: a Content-Encoding that is unknown, or that the body does not have.
    UNSUPPORTED_MEDIA_TYPE: {
      status: 400,
      detail: 'the Content-Encoding or Content-Type is not supported; send JSON, plain or gzip',
    },
    REQUEST_TOO_LARGE: { status: 413, detail: 'the body has more than 1 MiB; send smaller batches' },
    THROTTLED: { ...tooMany, retryAfter: 1 },
    // A day's quota comes back with the day; asking once an hour is soon enough.
    QUOTA_EXCEEDED: { ...tooMany, retryAfter: 3600 },
    INTEGRATION_FAILURE: failed,
    INTEGRATION_TIMEOUT: { status: 504, detail: 'the function took too long; send the request again' },
    API_CONFIGURATION_ERROR: failed,
    AUTHORIZER_CONFIGURATION_ERROR: failed,
    AUTHORIZER_FAILURE: failed,
    // What AWS may add one day. Those above keep their own status: a default's counts only where none is set.
    DEFAULT_4XX: { status: 400, detail: 'the request is wrong' },
    DEFAULT_5XX: failed,
  };
};

// A response template knows $context but escapes nothing, so nothing that a client sent stands in it.
const gatewayResponse = (allowedOrigin, { status, detail, retryAfter }) => ({
  statusCode: String(status),
  responseParameters: {
    'gatewayresponse.header.access-control-allow-origin': `'${allowedOrigin}'`,
    'gatewayresponse.header.content-type': "'application/problem+json'",
    ...(retryAfter && { 'gatewayresponse.header.retry-after': `'${retryAfter}'` }),
  },
  responseTemplates: {
    // The one type that is found whatever the client accepts; the header above says what it is.
    'application/json': JSON.stringify({
      type: 'about:blank',
      title: TITLES[status],
      status,
      detail,
      request_id: '$context.requestId',
    }),
  },
});

module.exports = (method, allowedOrigin) =>
  Object.fromEntries(
    Object.entries(responses(method)).map(([type, response]) => [type, gatewayResponse(allowedOrigin, response)]),
  );
