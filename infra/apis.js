// The two REST APIs, alike but for their document, function and plan. Each has its own key in its own usage plan for
// its own stage, so that a device's key opens nothing of a dashboard's, and the other way round.
'use strict';

const { createHash } = require('node:crypto');

const { apiDocument, MINIMUM_COMPRESSION_SIZE } = require('./api-document');
const { arnOf } = require('./arn');

const APIS = [
  { id: 'PostLog', key: 'postLog', name: 'post-log', route: 'POST/logs', file: 'openapi/post-log.yml' },
  { id: 'GetLogs', key: 'getLogs', name: 'get-logs', route: 'GET/logs', file: 'openapi/get-logs.yml' },
];

// A line of JSON per request. Only values that the gateway makes: what a client sends could break the quotes.
const ACCESS_LOG = JSON.stringify({
  time: '$context.requestTimeEpoch',
  // In the answers of the gateway itself, and in the header x-amzn-requestid of all …
  request_id: '$context.requestId',
  // … and Lambda's: in the function's answers, in its log lines, and in START and REPORT.
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

const resources = ({ id, name, route, plan, target, body, service, stage, settings }) => {
  const fullName = `${service}-${stage}-${name}`;
  const api = {
    Type: 'AWS::ApiGateway::RestApi',
    Properties: {
      Name: fullName,
      Description: body.info.description,
      // The document is the whole API: what is no longer in it goes away.
      Mode: 'overwrite',
      EndpointConfiguration: { Types: ['REGIONAL'] },
      ApiKeySourceType: 'HEADER',
      MinimumCompressionSize: MINIMUM_COMPRESSION_SIZE,
      Body: body,
    },
  };
  // A deployment is a snapshot of the API and is never updated: only another logical id makes CloudFormation take
  // another one. So the id is a hash of everything that the snapshot has.
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
      // The first request finds the permission, and the account its role for the access log.
      DependsOn: [`${id}Permission`, ...(settings.gatewayAccount === 'created' ? ['GatewayAccount'] : [])],
      Properties: {
        RestApiId: { Ref: `${id}Api` },
        DeploymentId: { Ref: deployment },
        StageName: stage,
        TracingEnabled: true,
        AccessLogSetting: {
          // Not the attribute Arn: that ends with ":*", and API Gateway takes the group's own.
          DestinationArn: {
            'Fn::Sub': `${arnOf('logs')}:log-group:\${${id}AccessLog}`,
          },
          Format: ACCESS_LOG,
        },
        MethodSettings: [
          {
            ResourcePath: '/*',
            HttpMethod: '*',
            MetricsEnabled: true,
            // For OPTIONS, too, which no key and so no usage plan bounds.
            ThrottlingRateLimit: plan.rate,
            ThrottlingBurstLimit: plan.burst,
            // Execution logs would hold payloads, in a group without retention; the access log and X-Ray do.
            LoggingLevel: 'OFF',
            DataTraceEnabled: false,
          },
        ],
      },
    },
    [`${id}AccessLog`]: {
      Type: 'AWS::Logs::LogGroup',
      Properties: { LogGroupName: `/aws/apigateway/${fullName}`, RetentionInDays: settings.logRetention },
    },
    [`${id}ApiKey`]: {
      Type: 'AWS::ApiGateway::ApiKey',
      // No Value: AWS makes one, and no template ever has it.
      Properties: { Name: fullName, Enabled: true },
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
    [`${id}UsagePlanKey`]: {
      Type: 'AWS::ApiGateway::UsagePlanKey',
      Properties: {
        UsagePlanId: { Ref: `${id}UsagePlan` },
        KeyId: { Ref: `${id}ApiKey` },
        KeyType: 'API_KEY',
      },
    },
    // For this stage, method and path of this API only. It names the API, and the API's document the function: so the
    // permission comes last, and nothing goes in a circle.
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
  const extensions = {};
  for (const api of APIS) {
    const { id, key, name, file } = api;
    // With provisioned concurrency the alias is called: only it has the warm environments. osls names it so.
    const alias = `${id}ProvConcLambdaAlias`;
    const isWarm = settings.provisioned[key] > 0;
    const target = isWarm ? alias : `${id}LambdaFunction.Arn`;
    // osls gives the alias a DependsOn that its Ref implies already.
    if (isWarm) extensions[alias] = { Metadata: { 'cfn-lint': { config: { ignore_checks: ['W3005'] } } } };
    const document = await resolveVariable(`file(${file})`);
    const body = apiDocument({
      document,
      title: `${service}-${stage}-${name}`,
      target,
      allowedOrigin: settings.allowedOrigin,
    });
    Object.assign(all, resources({ ...api, plan: settings.plans[key], target, body, service, stage, settings }));
  }
  return { Resources: all, extensions };
};
