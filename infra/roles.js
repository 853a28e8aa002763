// One role per function, each with only what its code needs, its own secret and its own log group.
'use strict';

const { arnOf } = require('./arn');

const allow = (sid, action, resource) => ({ Sid: sid, Effect: 'Allow', Action: action, Resource: resource });

const secret = (id) => ({ Ref: `${id}Secret` });
const ownSecret = (id) => allow('OwnSecret', 'secretsmanager:GetSecretValue', secret(id));

// As in AWSLambdaVPCAccessExecutionRole. "*": the interfaces do not exist before, the Describe actions know no
// resources, and Lambda refuses the function if it finds less.
const NETWORK_INTERFACES = allow(
  'NetworkInterfacesForLambda',
  [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ],
  '*',
);

// The above is for the Lambda service, which calls without this context; the function's code may not.
const noNetworkInterfaces = (fullName) => ({
  Sid: 'NoNetworkInterfacesForTheCode',
  Effect: 'Deny',
  Action: [
    'ec2:CreateNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:DetachNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:AssignPrivateIpAddresses',
    'ec2:UnassignPrivateIpAddresses',
  ],
  Resource: '*',
  Condition: {
    ArnEquals: { 'lambda:SourceFunctionArn': { 'Fn::Sub': `${arnOf('lambda')}:function:${fullName}` } },
  },
});

// "*": X-Ray has no resources for these two.
const TRACES = allow('Traces', ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*');

const FOR_LINTERS = {
  checkov: { skip: [{ id: 'CKV_AWS_111', comment: 'the network interfaces, see NetworkInterfacesForLambda' }] },
};

// `id` is the function's, as in its logical ids; `rights` are its own statements; `isInside`: in the network.
const role = (prefix, { id, name, rights, isInside = true }) => ({
  Type: 'AWS::IAM::Role',
  ...(isInside && { Metadata: FOR_LINTERS }),
  Properties: {
    AssumeRolePolicyDocument: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    },
    Policies: [
      {
        PolicyName: name,
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            ...rights,
            // The group is in the stack; no right to create one, or a late line would bring it back without retention.
            allow('OwnLogs', ['logs:CreateLogStream', 'logs:PutLogEvents'], { 'Fn::GetAtt': [`${id}LogGroup`, 'Arn'] }),
            ...(isInside ? [NETWORK_INTERFACES, noNetworkInterfaces(`${prefix}-${name}`)] : []),
            TRACES,
          ],
        },
      },
    ],
  },
});

// Of AWSLambdaSQSQueueExecutionRole, what Lambda's poller needs: it never changes a message's visibility.
const QUEUE = { 'Fn::GetAtt': ['Queue', 'Arn'] };
const RECEIVING = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'];

module.exports = async ({ resolveVariable }) => {
  const { database, postLogMode, queue } = await resolveVariable('self:custom');
  const prefix = `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;
  const adminSecret = await resolveVariable(`file(infra/${database}/connection.yml):adminSecret`);
  // The administrator's, and those whose users it creates.
  const secrets = [adminSecret, ...['PostLog', 'GetLogs', 'Retention', ...(queue ? ['StoreLogs'] : [])].map(secret)];

  // Two roles, of which a stage has one: see infra/post-log-queued.yml.
  const postLog = { id: 'PostLog', name: 'post-log' };
  const ofPostLog = {
    direct: { PostLogRole: role(prefix, { ...postLog, rights: [ownSecret('PostLog')] }) },
    queued: {
      PostLogQueueRole: role(prefix, {
        ...postLog,
        rights: [allow('Queue', 'sqs:SendMessage', QUEUE)],
        isInside: false,
      }),
    },
  };
  const storeLogs = { id: 'StoreLogs', name: 'store-logs' };
  return {
    Resources: {
      ...ofPostLog[postLogMode],
      GetLogsRole: role(prefix, { id: 'GetLogs', name: 'get-logs', rights: [ownSecret('GetLogs')] }),
      MigrateRole: role(prefix, {
        id: 'Migrate',
        name: 'migrate',
        rights: [allow('Secrets', 'secretsmanager:GetSecretValue', secrets)],
      }),
      RetentionRole: role(prefix, { id: 'Retention', name: 'retention', rights: [ownSecret('Retention')] }),
      ...(queue && {
        StoreLogsRole: role(prefix, {
          ...storeLogs,
          rights: [ownSecret('StoreLogs'), allow('Queue', RECEIVING, QUEUE)],
        }),
      }),
    },
  };
};
