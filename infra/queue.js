// The queue between post-log and the database, its dead letters, and store-logs, which empties it: all of it where
// ingestion is queued or draining, nothing where it is direct. Its numbers are in infra/ingestion.js.
'use strict';

const { arnOf } = require('./arn');

const DAY = 24 * 60 * 60;

// SQS's own limit, which a POST of 1000 codes stays below.
const LARGEST_MESSAGE = 1024 * 1024;

const QUEUE_ARN = { 'Fn::GetAtt': ['Queue', 'Arn'] };

const storeLogs = ({ prefix, stage, queue, reserved, dependsOn, environment }) => ({
  name: `${prefix}-store-logs`,
  description: 'Writes the error codes from the queue to the database',
  handler: 'bootstrap',
  package: { artifact: `target/lambda/${stage}/store-logs.zip` },
  role: { 'Fn::Sub': '${StoreLogsRole.Arn}' },
  dependsOn,
  timeout: queue.timeout,
  ...(reserved && { reservedConcurrency: reserved }),
  environment,
  events: [
    {
      sqs: {
        arn: QUEUE_ARN,
        // The most that there is; 6 MB of messages end a batch as well.
        batchSize: 10000,
        maximumBatchingWindow: queue.window,
        // As many as are reserved: Lambda does not ask for messages that it could not hand over, which would count as
        // received.
        maximumConcurrency: queue.concurrency,
        // Only the messages that failed come again.
        functionResponseType: 'ReportBatchItemFailures',
      },
    },
  ],
});

// Devices were told that what is in a queue is accepted: no deployment and no removal of the stack takes it away.
const kept = (postLogMode, properties) => ({
  Type: 'AWS::SQS::Queue',
  // A deployment that fails takes back the queues that it made, if nothing can be in them yet.
  DeletionPolicy: postLogMode === 'queued' ? 'Retain' : 'RetainExceptOnCreate',
  UpdateReplacePolicy: 'Retain',
  Metadata: {
    checkov: { skip: [{ id: 'CKV_AWS_27', comment: "SQS's own key encrypts it; another adds a bill and no right" }] },
  },
  Properties: { MaximumMessageSize: LARGEST_MESSAGE, SqsManagedSseEnabled: true, ...properties },
});

const onlyEncrypted = (id) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [{ Ref: id }],
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'NotWithoutTls',
          Effect: 'Deny',
          Principal: '*',
          Action: 'sqs:*',
          Resource: { 'Fn::GetAtt': [id, 'Arn'] },
          Condition: { Bool: { 'aws:SecureTransport': 'false' } },
        },
      ],
    },
  },
});

const resources = ({ prefix, queue, postLogMode }) => {
  // A known name: each queue names the other, and with a GetAtt in both that would be a circle.
  const name = `${prefix}-batches`;
  return {
    Queue: kept(postLogMode, {
      QueueName: name,
      MessageRetentionPeriod: queue.keptDays * DAY,
      VisibilityTimeout: queue.visibility,
      RedrivePolicy: {
        deadLetterTargetArn: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] },
        maxReceiveCount: queue.maxReceiveCount,
      },
    }),
    DeadLetterQueue: kept(postLogMode, {
      QueueName: `${prefix}-dead-letters`,
      MessageRetentionPeriod: queue.keptDays * DAY,
      RedriveAllowPolicy: {
        redrivePermission: 'byQueue',
        sourceQueueArns: [{ 'Fn::Sub': `${arnOf('sqs')}:${name}` }],
      },
    }),
    QueuePolicy: onlyEncrypted('Queue'),
    DeadLetterQueuePolicy: onlyEncrypted('DeadLetterQueue'),
  };
};

const OUTPUTS = {
  QueueUrl: { Description: 'Where post-log puts what devices POST', Value: { Ref: 'Queue' } },
  QueueArn: { Value: QUEUE_ARN },
  DeadLetterQueueUrl: {
    Description: 'What could not be stored, for 14 days from its POST or its last redrive',
    Value: { Ref: 'DeadLetterQueue' },
  },
  DeadLetterQueueArn: { Value: { 'Fn::GetAtt': ['DeadLetterQueue', 'Arn'] } },
  StoreLogsFunction: { Value: { Ref: 'StoreLogsLambdaFunction' } },
  StoreLogsSecretArn: { Value: { Ref: 'StoreLogsSecret' } },
};

const OUTSIDE = {
  PostLogLambdaFunction: {
    Metadata: {
      checkov: { skip: [{ id: 'CKV_AWS_117', comment: 'it speaks to SQS alone, and the network has no way there' }] },
    },
  },
};

module.exports = async ({ resolveVariable }) => {
  const { queue, postLogMode, reserved, database } = await resolveVariable('self:custom');
  if (!queue) return { functions: {}, resources: {} };
  const stage = await resolveVariable('sls:stage');
  const prefix = `${await resolveVariable('self:service')}-${stage}`;
  const dependsOn = await resolveVariable(`file(infra/${database}/connection.yml):dependsOn`);
  const environment = await resolveVariable('file(infra/variables.js):storeLogs');
  return {
    functions: { storeLogs: storeLogs({ prefix, stage, queue, reserved: reserved.storeLogs, dependsOn, environment }) },
    resources: {
      Resources: resources({ prefix, queue, postLogMode }),
      Outputs: OUTPUTS,
      ...(postLogMode === 'queued' && { extensions: OUTSIDE }),
    },
  };
};
