// The gateway's own responses: problem+json as in the contract (crates/edge/src/problem.rs) for every type of gateway
// response, so that no client gets {"message":…}.
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

// The status is the contract's, which may be one for several of AWS's.
const responses = (known) => {
  const noSuchPath = { status: 404, detail: `there is only ${known.join(' and ')} here` };
  const noKey = { status: 403, detail: "send this API's own key in the header x-api-key" };
  const refused = { status: 403, detail: 'this request is not allowed here' };
  const badParameters = { status: 400, detail: 'the parameters of the request are wrong' };
  const tooMany = { status: 429, detail: 'the usage plan of this key is spent for now' };
  // The outcome is unknown. A throttled function is reported here as well, hence Retry-After.
  const failed = { status: 502, detail: 'the function failed; send the request again', retryAfter: 1 };
  return {
    // AWS's type for a path or method that does not exist, with or without a key.
    MISSING_AUTHENTICATION_TOKEN: noSuchPath,
    RESOURCE_NOT_FOUND: noSuchPath,
    INVALID_API_KEY: noKey,
    // The API uses neither authorizers nor signatures. A client that sends one is told to send a key.
    UNAUTHORIZED: noKey,
    INVALID_SIGNATURE: noKey,
    EXPIRED_TOKEN: noKey,
    ACCESS_DENIED: refused,
    WAF_FILTERED: refused,
    BAD_REQUEST_BODY: { status: 400, detail: 'the body is not JSON in one of the shapes that this API takes' },
    BAD_REQUEST_PARAMETERS: badParameters,
    // 415 at AWS: an unknown Content-Encoding, or one that the body does not have.
    UNSUPPORTED_MEDIA_TYPE: {
      status: 400,
      detail: 'the Content-Encoding or Content-Type is not supported; send JSON, plain or gzip',
    },
    REQUEST_TOO_LARGE: { status: 413, detail: 'the body has more than 1 MiB; send smaller batches' },
    THROTTLED: { ...tooMany, retryAfter: 1 },
    // The quota is per day, so trying once an hour is enough.
    QUOTA_EXCEEDED: { ...tooMany, retryAfter: 3600 },
    INTEGRATION_FAILURE: failed,
    INTEGRATION_TIMEOUT: { status: 504, detail: 'the function took too long; send the request again' },
    API_CONFIGURATION_ERROR: failed,
    AUTHORIZER_CONFIGURATION_ERROR: failed,
    AUTHORIZER_FAILURE: failed,
    // Types that AWS may add. A default applies only to types that are not listed above.
    DEFAULT_4XX: { status: 400, detail: 'the request is wrong' },
    DEFAULT_5XX: failed,
  };
};

// A response template can use $context but escapes nothing, so it contains nothing that a client sent.
const gatewayResponse = (allowedOrigin, { status, detail, retryAfter }) => ({
  statusCode: String(status),
  responseParameters: {
    'gatewayresponse.header.access-control-allow-origin': `'${allowedOrigin}'`,
    'gatewayresponse.header.content-type': "'application/problem+json'",
    ...(retryAfter && { 'gatewayresponse.header.retry-after': `'${retryAfter}'` }),
  },
  responseTemplates: {
    // API Gateway uses this template whatever the client accepts. The header above gives the real type.
    'application/json': JSON.stringify({
      type: 'about:blank',
      title: TITLES[status],
      status,
      detail,
      request_id: '$context.requestId',
    }),
  },
});

module.exports = (known, allowedOrigin) =>
  Object.fromEntries(
    Object.entries(responses(known)).map(([type, response]) => [type, gatewayResponse(allowedOrigin, response)]),
  );
