// The parameters of each kind of database, checked and typed. Those of another kind are a mistake.
'use strict';

const { CLASSES, maxConnections } = require('./connections');
const { login } = require('./login');
const { refuse } = require('./refuse');
const { refuseUnknownRoot } = require('./roots');

// What belongs to database=existing.
const OF_EXISTING = [
  'databaseHost',
  'databaseSecretArn',
  'databaseParameterName',
  'databaseParameterKeyArn',
  'databaseMaxConnections',
  'subnetIds',
  'securityGroupIds',
  'databasePort',
  'databaseInstance',
  'databaseResourceId',
];
// What it does without. One of databaseSecretArn and databaseParameterName is enough.
const OPTIONAL = [
  'databaseParameterName',
  'databaseParameterKeyArn',
  'databasePort',
  'databaseInstance',
  'databaseResourceId',
];

// These have values in serverless.yml for every stage, so beside another kind of database they are a mistake only when
// somebody names them for one deployment.
const OF_CREATED = [
  'databaseClass',
  'databaseHours',
  'databaseStorage',
  'databaseStorageLimit',
  'databaseVersion',
  'endpointZones',
  'secretsEndpoint',
];
const OF_MYSQL = ['databaseName', 'databaseLogin', 'databaseLoginSwitch', 'queryIndexes', 'newCodes', 'newAfterDays'];
const OF_DYNAMODB = ['tableShards', 'tableWriteLimit', 'tableReadLimit', 'tableWarmWrites', 'tableWarmReads'];

// MySQL's own.
const TAKEN_NAMES = ['mysql', 'sys', 'information_schema', 'performance_schema'];

// What a new on-demand table takes at once, in units a second. DynamoDB never goes below it.
const NEW_TABLE = { writes: 4000, reads: 12000 };

// Units a second. What is above is a typing error.
const MOST_UNITS = 10_000_000;

const refuseOfOthers = (named, ofOthers, kind, database) => {
  const wrong = ofOthers.find(named);
  if (wrong) refuse(`${wrong} is for database=${kind}, and database is ${database}.`);
};

const created = (given, region) => {
  refuseUnknownRoot(region);
  refuseOfOthers(given.isGiven, OF_EXISTING, 'existing', 'created');
  const databaseClass = given.choice('databaseClass', Object.keys(CLASSES));
  const databaseStorage = given.number('databaseStorage', 20, 65536);
  const databaseStorageLimit = given.number('databaseStorageLimit', 20, 65536);
  // RDS's own rule.
  if (databaseStorageLimit < databaseStorage * 1.26) {
    refuse(`databaseStorageLimit must be at least 26 % above databaseStorage, ${Math.ceil(databaseStorage * 1.26)}.`);
  }
  return {
    databaseClass,
    databaseHours: given.choice('databaseHours', ['always', 'weekdays']),
    databaseVersion: given.text('databaseVersion', /^8\.4\.\d+$/, 'a version of MySQL 8.4, like 8.4.11'),
    databaseStorage,
    databaseStorageLimit,
    // How many subnets the endpoints stand in, of those in infra/created/network.yml.
    endpointSubnets: given.number('endpointZones', 1, 2) === 1 ? 'one' : 'both',
    insights: CLASSES[databaseClass].insights,
    maxConnections: maxConnections(databaseClass),
  };
};

// Where the administrator's login is kept.
const administrator = (given) => {
  const isParameter = given.isGiven('databaseParameterName');
  if (!isParameter) {
    if (given.isGiven('databaseParameterKeyArn')) refuse('databaseParameterKeyArn is for databaseParameterName.');
    return {
      databaseSecretArn: given.text(
        'databaseSecretArn',
        /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-\w{6}$/,
        "a secret's whole ARN, with the six characters that AWS puts at its end",
      ),
    };
  }
  if (given.isGiven('databaseSecretArn')) refuse('databaseSecretArn and databaseParameterName: give one of them.');
  return {
    databaseParameterName: given.text(
      'databaseParameterName',
      /^\/?[\w.-]+(\/[\w.-]+)*$/,
      'the name of a SecureString in Parameter Store, like /error-codes/prod/database',
    ),
    databaseParameterKeyArn: given.text(
      'databaseParameterKeyArn',
      /^$|^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/,
      "a KMS key's whole ARN",
    ),
  };
};

const existing = (given) => {
  const isEnough = (name) => OPTIONAL.includes(name) || given.isGiven(name);
  const missing = OF_EXISTING.find(
    (name) => !isEnough(name) && !(name === 'databaseSecretArn' && given.isGiven('databaseParameterName')),
  );
  if (missing) refuse(`database=existing needs ${missing}; serverless.yml says what it is.`);
  return {
    databaseHost: given.text('databaseHost', /^[\w-]+(\.[\w-]+)*\.[a-z][\w-]*$/i, "the database's host name"),
    ...administrator(given),
    databasePort: given.isGiven('databasePort') ? given.number('databasePort', 1, 65535) : 3306,
    databaseInstance: given.text('databaseInstance', /^[a-zA-Z0-9-]{0,63}$/, "an RDS instance's identifier"),
    subnetIds: given.ids('subnetIds', 'subnet'),
    securityGroupIds: given.ids('securityGroupIds', 'sg'),
    maxConnections: given.number('databaseMaxConnections', 1, 100000),
  };
};

const mysqlName = (given) => {
  const databaseName = given.text('databaseName', /^\w{1,64}$/, 'up to 64 letters, digits and underscores');
  if (TAKEN_NAMES.includes(databaseName.toLowerCase())) refuse(`databaseName must not be MySQL's own ${databaseName}.`);
  return { databaseName };
};

const dynamodb = (given) => {
  refuseOfOthers(given.isGiven, OF_EXISTING, 'existing', 'dynamodb');
  const tableWarm = {
    writes: given.number('tableWarmWrites', 0, MOST_UNITS),
    reads: given.number('tableWarmReads', 0, MOST_UNITS),
  };
  for (const [kind, least] of Object.entries(NEW_TABLE)) {
    const name = `tableWarm${kind === 'writes' ? 'Writes' : 'Reads'}`;
    if (tableWarm[kind] > 0 && tableWarm[kind] < least) {
      refuse(`${name} must be 0 or at least ${least}, which a new table takes anyway, not ${tableWarm[kind]}.`);
    }
  }
  return {
    // A GET asks all of them at once.
    tableShards: given.number('tableShards', 1, 256),
    tableLimit: {
      writes: given.number('tableWriteLimit', 1, MOST_UNITS),
      reads: given.number('tableReadLimit', 1, MOST_UNITS),
    },
    tableWarm: { writes: tableWarm.writes || NEW_TABLE.writes, reads: tableWarm.reads || NEW_TABLE.reads },
    isWarmed: tableWarm.writes > 0 || tableWarm.reads > 0,
    // There are none to count.
    maxConnections: null,
  };
};

const database = (given, ofCommand, region) => {
  const kind = given.choice('database', ['created', 'existing', 'dynamodb']);
  const onCommand = (name) => ofCommand.includes(name);
  if (kind !== 'created') refuseOfOthers(onCommand, OF_CREATED, 'created', kind);
  if (kind === 'dynamodb') {
    refuseOfOthers(onCommand, OF_MYSQL, 'created or existing', kind);
    return { database: kind, engine: 'dynamodb', ...dynamodb(given) };
  }
  refuseOfOthers(onCommand, OF_DYNAMODB, 'dynamodb', kind);
  const ofKind = kind === 'created' ? created(given, region) : existing(given);
  const ofLogin = login(given, kind, ofKind, region);
  return { database: kind, engine: 'mysql', ...mysqlName(given), ...ofKind, ...ofLogin };
};

module.exports = { database };
