// The parameters of serverless.yml, checked and typed: `custom`. What is wrong or contradictory ends packaging here,
// with one sentence.
'use strict';

const { CLASSES, maxConnections } = require('./connections');
const { concurrency } = require('./concurrency');
const { ingestion } = require('./ingestion');
const { parameters } = require('./parameters');
const { refuse } = require('./refuse');
const { refuseUnknownRoot } = require('./roots');

const STAGES = ['dev', 'prod'];

// Days that devices are promised (docs/devices.md).
const PROMISED_DAYS = 14;

// What CloudWatch Logs knows, in days.
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

// Beside database=created these are a mistake, and beside database=existing they are needed; but for the last one.
const OF_EXISTING = [
  'databaseHost',
  'databaseSecretArn',
  'databaseMaxConnections',
  'subnetIds',
  'securityGroupIds',
  'databasePort',
  'databaseInstance',
];
const OPTIONAL = ['databasePort', 'databaseInstance'];

// A mistake beside database=existing, when somebody names them for one deployment; prod's own block always does.
const OF_CREATED = ['databaseClass', 'databaseVersion', 'databaseStorage', 'databaseStorageLimit'];

// MySQL's own.
const TAKEN_NAMES = ['mysql', 'sys', 'information_schema', 'performance_schema'];

const plan = (given, api) => ({
  rate: given.number(`${api}Rate`, 1, 10000),
  burst: given.number(`${api}Burst`, 1, 5000),
  quota: given.number(`${api}Quota`, 0, 2 ** 31 - 1),
});

const created = (given, region) => {
  refuseUnknownRoot(region);
  const wrong = OF_EXISTING.find(given.isGiven);
  if (wrong) refuse(`${wrong} is for database=existing, and database is created.`);
  const databaseClass = given.choice('databaseClass', Object.keys(CLASSES));
  const databaseStorage = given.number('databaseStorage', 20, 65536);
  const databaseStorageLimit = given.number('databaseStorageLimit', 20, 65536);
  // RDS's own rule.
  if (databaseStorageLimit < databaseStorage * 1.26) {
    refuse(`databaseStorageLimit must be at least 26 % above databaseStorage, ${Math.ceil(databaseStorage * 1.26)}.`);
  }
  return {
    databaseClass,
    databaseVersion: given.text('databaseVersion', /^8\.4\.\d+$/, 'a version of MySQL 8.4, like 8.4.11'),
    databaseStorage,
    databaseStorageLimit,
    insights: CLASSES[databaseClass].insights,
    maxConnections: maxConnections(databaseClass),
  };
};

const existing = (given, ofCommand) => {
  const wrong = OF_CREATED.find((name) => ofCommand.includes(name));
  if (wrong) refuse(`${wrong} is for database=created, and database is existing.`);
  const missing = OF_EXISTING.find((name) => !OPTIONAL.includes(name) && !given.isGiven(name));
  if (missing) refuse(`database=existing needs ${missing}; serverless.yml says what it is.`);
  return {
    databaseHost: given.text('databaseHost', /^[\w-]+(\.[\w-]+)*\.[a-z][\w-]*$/i, "the database's host name"),
    databaseSecretArn: given.text(
      'databaseSecretArn',
      /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}$/,
      "a secret's whole ARN, with the six characters that AWS puts at its end",
    ),
    databasePort: given.isGiven('databasePort') ? given.number('databasePort', 1, 65535) : 3306,
    databaseInstance: given.text('databaseInstance', /^[a-zA-Z0-9-]{0,63}$/, "an RDS instance's identifier"),
    subnetIds: given.ids('subnetIds', 'subnet'),
    securityGroupIds: given.ids('securityGroupIds', 'sg'),
    maxConnections: given.number('databaseMaxConnections', 1, 100000),
  };
};

// What no update of the stack may replace or remove, whatever the change set says. A queue that post-log fills keeps
// its consumer: the way back goes over ingestion=draining, after which both may go.
const protectedTypes = ({ ingestion: way }) => [
  'AWS::RDS::DBInstance',
  ...(way === 'queued' ? ['AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping'] : []),
];

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

  const database = given.choice('database', ['created', 'existing']);
  const region = await resolveVariable('self:provider.region');
  const ofDatabase = database === 'created' ? created(given, region) : existing(given, ofCommand);
  const databaseName = given.text('databaseName', /^\w{1,64}$/, 'up to 64 letters, digits and underscores');
  if (TAKEN_NAMES.includes(databaseName.toLowerCase())) refuse(`databaseName must not be MySQL's own ${databaseName}.`);
  const batchRetention = given.number('batchRetention', PROMISED_DAYS, 65535);
  const alarmEmail = given.text('alarmEmail', /^$|^[\w.+-]+@[\w.-]+$/, 'an e-mail address');
  const ofIngestion = ingestion(given, ofCommand, batchRetention);
  return {
    architecture: given.choice('architecture', ['x86_64', 'arm64']),
    allowedOrigin: given.text(
      'allowedOrigin',
      /^(\*|https?:\/\/[\w.-]+(:\d+)?)$/,
      '* or one origin, like https://dashboard.example.com',
    ),
    alarmEmail,
    logRetention: given.choice('logRetention', RETENTIONS),
    batchRetention,
    codeRetention: given.number('codeRetention', 0, 65535),
    gatewayAccount: given.choice('gatewayAccount', ['created', 'existing']),
    getLogsCache: given.number('getLogsCache', 0, 60),
    plans: { postLog: plan(given, 'postLog'), getLogs: plan(given, 'getLogs') },
    database,
    databaseName,
    ...ofDatabase,
    ...ofIngestion,
    ...concurrency(given, ofDatabase.maxConnections, ofIngestion),
    protectedTypes: protectedTypes(ofIngestion),
    // The files of infra that depend on parameters, without .yml.
    queueFile: ofIngestion.queue ? 'with-queue' : 'without-queue',
    databaseAlarmsFile: database === 'created' || ofDatabase.databaseInstance ? 'database-alarms' : 'none',
    alarmSubscriptionFile: alarmEmail ? 'alarm-subscription' : 'none',
    // More than this many connections in use ring.
    connectionsAlarm: Math.floor(ofDatabase.maxConnections * 0.8),
  };
};
