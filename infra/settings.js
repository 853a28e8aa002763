// The parameters of serverless.yml, checked and typed: `custom`. What is wrong or contradictory ends packaging here,
// with one sentence.
'use strict';

const { concurrency } = require('./concurrency');
const { database } = require('./databases');
const { ingestion } = require('./ingestion');
const { parameters } = require('./parameters');
const { refuse } = require('./refuse');

const STAGES = ['dev', 'prod'];

// Days that devices are promised (docs/devices.md).
const PROMISED_DAYS = 14;

// A key for each fleet, or for each group of dashboards. Keys per device are not for usage plans.
const MOST_KEYS = 20;

// What CloudWatch Logs knows, in days.
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

const plan = (given, api) => ({
  rate: given.number(`${api}Rate`, 1, 10000),
  burst: given.number(`${api}Burst`, 1, 5000),
  quota: given.number(`${api}Quota`, 0, 2 ** 31 - 1),
});

// What no update of the stack may replace or remove, whatever the change set says. A queue that post-log fills keeps
// its consumer: the way back goes over ingestion=draining, after which both may go.
const protectedTypes = ({ engine }, { ingestion: way }) => [
  engine === 'mysql' ? 'AWS::RDS::DBInstance' : 'AWS::DynamoDB::Table',
  ...(way === 'queued' ? ['AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping'] : []),
];

// An existing database has alarms only if its instance is named.
const databaseAlarmsFile = ({ database: kind, databaseInstance }) =>
  kind === 'created' || databaseInstance ? 'mysql/database-alarms' : 'none';

// A server that is stopped every evening must neither ring nor let messages become dead letters.
const refuseHours = ({ databaseHours }, { queue }, alarms) => {
  if (databaseHours !== 'weekdays') return;
  if (queue) refuse('databaseHours=weekdays is for ingestion=direct: messages would become dead letters over night.');
  if (alarms === 'all') refuse('databaseHours=weekdays is for alarms=few: the others would ring every evening.');
};

module.exports = async ({ options, resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  if (!STAGES.includes(stage)) refuse(`--stage must be ${STAGES.join(' or ')}, not "${stage}".`);

  // osls ignores a name that it does not know.
  const names = Object.keys(await resolveVariable('self:params.default'));
  const ofStage = Object.keys((await resolveVariable(`self:params.${stage}, null`)) ?? {});
  const ofCommand = (options.param ?? []).map((each) => each.split('=')[0]);
  const cut = (options.param ?? []).find((each) => /[\r\n]/.test(each));
  if (cut) refuse(`There is a line break in the parameter ${cut.split('=')[0]}.`);
  const misspelt = [...ofStage, ...ofCommand].find((name) => !names.includes(name));
  if (misspelt) refuse(`There is no parameter ${misspelt}; serverless.yml lists them under params.`);

  const values = await Promise.all(names.map(async (name) => [name, await resolveVariable(`param:${name}`)]));
  const given = parameters(Object.fromEntries(values));

  const ofDatabase = database(given, ofCommand, await resolveVariable('self:provider.region'));
  const { engine } = ofDatabase;
  const batchRetention = given.number('batchRetention', PROMISED_DAYS, 65535);
  const alarmEmail = given.text('alarmEmail', /^$|^[\w.+-]+@[\w.-]+$/, 'an e-mail address');
  const budget = given.number('budget', 0, 1_000_000);
  if (budget > 0 && !alarmEmail) refuse('budget needs alarmEmail: somebody must get the mail.');
  const traces = given.choice('traces', [true, false]);
  const newCodes = given.choice('newCodes', ['announced', 'counted']);
  const ofIngestion = ingestion(given, ofCommand, batchRetention);
  const alarms = given.choice('alarms', ['all', 'few']);
  const deployment = given.choice('deployment', ['all', 'canary']);
  refuseHours(ofDatabase, ofIngestion, alarms);
  return {
    architecture: given.choice('architecture', ['x86_64', 'arm64']),
    allowedOrigin: given.text(
      'allowedOrigin',
      /^(\*|https?:\/\/[\w.-]+(:\d+)?)$/,
      '* or one origin, like https://dashboard.example.com',
    ),
    alarmEmail,
    traces,
    functionTracing: traces ? 'Active' : 'PassThrough',
    tracesEffect: traces ? 'Allow' : 'Deny',
    alarms,
    deployment,
    // The functions of the APIs, by the beginning of their logical ids. All other functions change at once.
    canaries: deployment === 'canary' ? ['PostLog', 'GetLogs'] : [],
    budget,
    logRetention: given.choice('logRetention', RETENTIONS),
    batchRetention,
    queryIndexes: given.choice('queryIndexes', ['all', 'error_code', 'none']),
    newCodes,
    newAfterDays: given.number('newAfterDays', 1, 65535),
    codeRetention: given.number('codeRetention', 0, 65535),
    gatewayAccount: given.choice('gatewayAccount', ['created', 'existing']),
    getLogsCache: given.number('getLogsCache', 0, 60),
    deviceRate: given.number('deviceRate', 0, 1_000_000),
    plans: { postLog: plan(given, 'postLog'), getLogs: plan(given, 'getLogs') },
    apiKeys: { postLog: given.names('postLogKeys', MOST_KEYS), getLogs: given.names('getLogsKeys', MOST_KEYS) },
    ...ofDatabase,
    ...ofIngestion,
    ...concurrency(given, ofDatabase.maxConnections, ofIngestion),
    protectedTypes: protectedTypes(ofDatabase, ofIngestion),
    // The files of infra that depend on parameters, without .yml.
    postLogFile: ofIngestion.postLogMode === 'queued' ? 'post-log-queued' : `${engine}/post-log`,
    queueFile: ofIngestion.queue ? 'with-queue' : 'without-queue',
    databaseAlarmsFile: databaseAlarmsFile(ofDatabase),
    databaseHoursFile: ofDatabase.databaseHours === 'weekdays' ? 'created/hours' : 'none',
    secretsFile: ofDatabase.login?.hasSecrets ? 'mysql/secrets' : 'none',
    storeLogsSecretFile: ofDatabase.login?.hasSecrets && ofIngestion.queue ? 'mysql/store-logs-secret' : 'none',
    loginLogFile: ofDatabase.database === 'created' && ofDatabase.login.isIam ? 'created/login-log' : 'none',
    secretsEndpointSubnets: ofDatabase.login?.hasSecrets ? ofDatabase.endpointSubnets : 'one',
    secretsEndpointFile: ofDatabase.login?.endpoint.policy ? 'created/secrets-endpoint' : 'none',
    warmThroughputFile: ofDatabase.isWarmed ? 'dynamodb/warm-throughput' : 'none',
    topicEndpointFile: ofDatabase.database === 'created' && newCodes === 'announced' ? 'created/sns-endpoint' : 'none',
    dashboardFile: given.choice('dashboard', [true, false]) ? 'dashboard/created.js' : 'none.yml',
    budgetFile: budget > 0 ? 'budget' : 'none',
    canaryFile: deployment === 'canary' ? 'canary' : 'none',
    alarmSubscriptionFile: alarmEmail ? 'alarm-subscription' : 'none',
    // More than this many connections in use ring.
    connectionsAlarm: Math.floor(ofDatabase.maxConnections * 0.8),
  };
};
