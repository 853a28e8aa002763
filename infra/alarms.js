// Every alarm, from one list. Each description ends with the section of docs/runbook.md that says what to do.
'use strict';

const MINUTE = 60;

// A metric of Lambda's is dated by the beginning of the call: who looks must look back further than a call can take.
const LONG = { period: 15 * MINUTE, periods: 2, of: 1 };

// `window` is how one bad call is noticed where calls are long and rare.
const ofFunction = ({ id, name, slow, because, window = {} }) => {
  const lambda = { namespace: 'AWS/Lambda', dimensions: { FunctionName: { Ref: `${id}LambdaFunction` } } };
  return {
    [`${id}Throttles`]: {
      ...lambda,
      metric: 'Throttles',
      statistic: 'Sum',
      above: 0,
      // One burst that was over at once is what Retry-After is for.
      periods: 5,
      of: 2,
      ...window,
      about: `${name} was called more often than its concurrency allows`,
      section: 'throttles',
    },
    [`${id}Errors`]: {
      ...lambda,
      metric: 'Errors',
      statistic: 'Sum',
      above: 0,
      periods: 1,
      ...window,
      about: `${name} ended without an answer`,
      section: 'function-errors',
    },
    [`${id}Duration`]: {
      ...lambda,
      metric: 'Duration',
      statistic: 'p99',
      above: slow,
      periods: 5,
      of: 3,
      ...window,
      about: `1 of 100 calls of ${name} takes longer than ${slow} ms, ${because}`,
      section: 'slow-function',
    },
  };
};

const ofApi = ({ id, name }) => ({
  [`${id}Api5xx`]: {
    namespace: 'AWS/ApiGateway',
    // By the API's name, not by its id: so the metric has it.
    dimensions: { ApiName: name, Stage: { Ref: `${id}Stage` } },
    metric: '5XXError',
    statistic: 'Sum',
    above: 0,
    periods: 5,
    of: 2,
    about: `${name} answers with 5xx`,
    section: 'gateway-5xx',
  },
});

// What store-logs writes in CloudWatch's embedded metric format; AWS knows nothing of either.
const ofStoreLogs = { namespace: 'error-codes', dimensions: { FunctionName: { Ref: 'StoreLogsLambdaFunction' } } };

const ofQueue = ({ window, visibility, timeout, maxReceiveCount }) => {
  const sqs = (id) => ({ namespace: 'AWS/SQS', dimensions: { QueueName: { 'Fn::GetAtt': [id, 'QueueName'] } } });
  // What failed comes again within this.
  const round = Math.ceil((visibility + window + timeout) / MINUTE) * MINUTE;
  // A message that was received three times, after two visibility timeouts, is left out of this age by SQS. So it must
  // ring before; and one message that fails again and again never makes it ring, if none comes after it.
  const age = Math.floor(1.5 * visibility);
  const lag = MINUTE + window;
  return {
    QueueAge: {
      ...sqs('Queue'),
      metric: 'ApproximateAgeOfOldestMessage',
      statistic: 'Maximum',
      above: age,
      periods: 5,
      of: 3,
      about: `what devices sent has waited in the queue for more than ${age} s`,
      section: 'queue-age',
    },
    DeadLetterQueueDepth: {
      ...sqs('DeadLetterQueue'),
      metric: 'ApproximateNumberOfMessagesVisible',
      statistic: 'Maximum',
      above: 0,
      periods: 1,
      about: `messages failed ${maxReceiveCount} times and were put aside`,
      section: 'dead-letters',
    },
    StoreLogsLag: {
      ...ofStoreLogs,
      metric: 'QueueLag',
      statistic: 'Maximum',
      above: lag,
      periods: 5,
      of: 3,
      about: `error codes are stored more than ${lag} s after they were accepted`,
      section: 'queue-lag',
    },
    // Messages that fail are no error of the function's. In three periods in turn: a failover takes a minute or two,
    // less than a period, so it shows in two at most, wherever they begin. What fails each time shows in every one,
    // long before it is put aside.
    StoreLogsFailed: {
      ...ofStoreLogs,
      metric: 'Failed',
      statistic: 'Sum',
      above: 0,
      period: round,
      periods: 3,
      about: 'store-logs gives messages back to the queue again and again',
      section: 'failed-messages',
    },
  };
};

const ofDatabase = (instance, maxConnections) => {
  const rds = { namespace: 'AWS/RDS', dimensions: { DBInstanceIdentifier: instance } };
  return {
    DatabaseConnections: {
      ...rds,
      metric: 'DatabaseConnections',
      statistic: 'Maximum',
      above: Math.floor(maxConnections * 0.8),
      periods: 5,
      of: 3,
      // A database that reports nothing is one that is down.
      missing: 'breaching',
      about: `the database is away, or more than 80 % of its ${maxConnections} connections are in use`,
      section: 'database-connections',
    },
    DatabaseCpu: {
      ...rds,
      metric: 'CPUUtilization',
      statistic: 'Average',
      above: 80,
      periods: 15,
      about: 'the database computes at more than 80 % for a quarter of an hour',
      section: 'database-cpu',
    },
    DatabaseFreeStorage: {
      ...rds,
      metric: 'FreeStorageSpace',
      statistic: 'Minimum',
      // RDS extends the storage when a tenth is left: of 20 GB and more, this means that it did not.
      below: 1.5e9,
      periods: 15,
      about: 'the database has less than 1.5 GB left',
      section: 'database-storage',
    },
  };
};

// `of`: in how many of the `periods` it must be so; in all of them if it is not given.
const alarm = (prefix, id, { above, below, period = MINUTE, periods, of = periods, ...rest }) => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmName: `${prefix}-${id}`,
    AlarmDescription: `${rest.about}: docs/runbook.md#${rest.section}`,
    Namespace: rest.namespace,
    MetricName: rest.metric,
    // Percentiles have a property of their own.
    [rest.statistic.startsWith('p') ? 'ExtendedStatistic' : 'Statistic']: rest.statistic,
    Dimensions: Object.entries(rest.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Period: period,
    EvaluationPeriods: periods,
    DatapointsToAlarm: of,
    ComparisonOperator: below === undefined ? 'GreaterThanThreshold' : 'LessThanThreshold',
    Threshold: below ?? above,
    // Nobody called, so nothing is wrong.
    TreatMissingData: rest.missing ?? 'notBreaching',
    AlarmActions: [{ Ref: 'AlarmTopic' }],
    OKActions: [{ Ref: 'AlarmTopic' }],
  },
});

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const prefix = `${await resolveVariable('self:service')}-${await resolveVariable('sls:stage')}`;
  const instance = settings.database === 'created' ? { Ref: 'Database' } : settings.databaseInstance;

  const alarms = {
    // Warm calls take milliseconds: seconds are somebody waiting.
    ...ofFunction({ id: 'PostLog', name: 'post-log', slow: 3000, because: 'where it should be milliseconds' }),
    ...ofFunction({ id: 'GetLogs', name: 'get-logs', slow: 3000, because: 'where it should be milliseconds' }),
    ...ofFunction({ id: 'Migrate', name: 'migrate', slow: 600000, because: 'two thirds of its timeout', window: LONG }),
    ...ofFunction({ id: 'Retention', name: 'retention', slow: 20000, because: 'so it does not keep up', window: LONG }),
    ...(settings.queue && {
      ...ofFunction({ id: 'StoreLogs', name: 'store-logs', slow: 20000, because: 'of the 30 s that it has' }),
      ...ofQueue(settings.queue),
    }),
    ...ofApi({ id: 'PostLog', name: `${prefix}-post-log` }),
    ...ofApi({ id: 'GetLogs', name: `${prefix}-get-logs` }),
    ...(instance && ofDatabase(instance, settings.maxConnections)),
  };
  const subscription = {
    AlarmSubscription: {
      Type: 'AWS::SNS::Subscription',
      Properties: { TopicArn: { Ref: 'AlarmTopic' }, Protocol: 'email', Endpoint: settings.alarmEmail },
    },
  };
  return {
    Resources: {
      ...Object.fromEntries(Object.entries(alarms).map(([id, each]) => [`${id}Alarm`, alarm(prefix, id, each)])),
      ...(settings.alarmEmail && subscription),
    },
  };
};
