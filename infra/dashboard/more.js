// The graphs that no alarm stands for: what the service does, how fast, and what makes the bill.
'use strict';

const line = (namespace, metric, dimensions, label, stat = 'Sum') => [
  namespace,
  metric,
  ...Object.entries(dimensions).flat(),
  { label, stat },
];

const ofFunction = (id) => ({ FunctionName: `\${${id}LambdaFunction}` });

const API = { PostLog: 'post-log', GetLogs: 'get-logs' };

const FUNCTIONS = { ...API, StoreLogs: 'store-logs' };

const ofApi = (id, prefix) => ({ ApiName: `${prefix}-${API[id]}`, Stage: `\${${id}Stage}` });

// CloudWatch has latencies of an API, but none by status. The access log has both; reading it is paid for by the GB.
const BY_STATUS =
  'filter ispresent(latency_ms) | stats count() as requests, pct(latency_ms, 50) as p50_ms, ' +
  'pct(latency_ms, 99) as p99_ms by status | sort status';

// At the head: who sends, who reads, what becomes of it.
const overview = ({ prefix }) => [
  {
    title: 'Codes that post-log took',
    lines: ['Accepted', 'Rejected', 'Duplicates'].map((metric) =>
      line('error-codes', metric, ofFunction('PostLog'), metric.toLowerCase()),
    ),
  },
  ...Object.entries(API).map(([id, name]) => ({
    title: `Requests: ${name}`,
    lines: [
      line('AWS/ApiGateway', 'Count', ofApi(id, prefix), 'all'),
      line('AWS/ApiGateway', '4XXError', ofApi(id, prefix), '4xx'),
      line('AWS/ApiGateway', '5XXError', ofApi(id, prefix), '5xx'),
    ],
  })),
  ...Object.entries(API).map(([id, name]) => ({
    title: `Latency, ms: ${name}`,
    lines: ['p50', 'p99'].map((stat) => line('AWS/ApiGateway', 'Latency', ofApi(id, prefix), stat, stat)),
  })),
  ...Object.values(API).map((name) => ({
    title: `Latency by status: ${name}`,
    query: `SOURCE '/aws/apigateway/${prefix}-${name}' | ${BY_STATUS}`,
  })),
];

// Beside the graphs of the alarms of a section.
const beside = {
  Throttles: ({ queue }) => [
    {
      title: 'Environments at once',
      lines: Object.entries(FUNCTIONS)
        .filter(([id]) => id !== 'StoreLogs' || queue)
        .map(([id, name]) => line('AWS/Lambda', 'ConcurrentExecutions', ofFunction(id), name, 'Maximum')),
    },
  ],
  'Summary lag': ({ engine }) =>
    engine === 'mysql'
      ? [
          {
            title: 'Summary: waiting, new',
            lines: [
              line('error-codes', 'SummaryBacklog', ofFunction('Summarize'), 'waiting', 'Maximum'),
              line('error-codes', 'NewCodes', ofFunction('Summarize'), 'new codes'),
            ],
          },
        ]
      : [],
  'Queue lag': ({ queue }) =>
    queue
      ? [
          {
            title: 'Messages that wait',
            lines: [
              line(
                'AWS/SQS',
                'ApproximateNumberOfMessagesVisible',
                { QueueName: '${Queue.QueueName}' },
                'waiting',
                'Maximum',
              ),
            ],
          },
        ]
      : [],
};

// At the end: what is paid for by use. Requests are at the head, the database's storage among the alarms.
const costs = ({ engine, queue, databaseClass }) => [
  {
    title: 'Cost: time of functions, ms',
    lines: ['PostLog', ...(queue ? ['StoreLogs'] : [])].map((id) =>
      line('AWS/Lambda', 'Duration', ofFunction(id), FUNCTIONS[id]),
    ),
  },
  {
    title: 'Cost: bytes of logs',
    lines: [line('AWS/Logs', 'IncomingBytes', { LogGroupName: '${PostLogLogGroup}' }, 'post-log')],
  },
  ...(queue
    ? [
        {
          title: 'Cost: messages',
          lines: [line('AWS/SQS', 'NumberOfMessagesSent', { QueueName: '${Queue.QueueName}' }, 'sent')],
        },
      ]
    : []),
  ...(engine === 'dynamodb'
    ? [
        {
          title: 'Cost: units of the table',
          lines: ['Write', 'Read'].map((kind) =>
            line('AWS/DynamoDB', `Consumed${kind}CapacityUnits`, { TableName: '${Table}' }, kind.toLowerCase()),
          ),
        },
      ]
    : []),
  // Classes with credits pay for what they compute beyond them.
  ...(databaseClass?.startsWith('db.t')
    ? [
        {
          title: 'Cost: CPU credits of the database',
          lines: [line('AWS/RDS', 'CPUCreditBalance', { DBInstanceIdentifier: '${Database}' }, 'left', 'Minimum')],
        },
      ]
    : []),
];

module.exports = { overview, beside, costs };
