// How the functions log in to MySQL: checks the parameters and derives from them what the template has.
'use strict';

const { refuse } = require('./refuse');

// RDS's names for servers, in all partitions.
const isNameByRds = (host, region) => new RegExp(`\\.${region}\\.rds\\.amazonaws\\.com(\\.cn)?$`, 'i').test(host);

// IAM on a server that the stack does not create.
const ofExisting = (given, { databaseHost }, region) => {
  if (!given.isGiven('databaseResourceId')) {
    refuse('databaseLogin=iam needs databaseResourceId; serverless.yml says what it is.');
  }
  // A token is for the name that RDS gave the server, and it is signed for the functions' region.
  if (!isNameByRds(databaseHost, region)) {
    refuse(`With databaseLogin=iam databaseHost must be RDS's own name in ${region}, not "${databaseHost}".`);
  }
  return {
    databaseResourceId: given.text(
      'databaseResourceId',
      /^(db|cluster)-[A-Z0-9]{10,40}$/,
      "an RDS resource's id, like db-ABCDEFGHIJKL01234",
    ),
  };
};

// The endpoint for Secrets Manager: who waits for it, and which entry of infra/created/endpoint.yml it follows.
const endpoint = (given, kind, hasSecrets) => {
  const isWanted = given.choice('secretsEndpoint', ['created', 'none']) === 'created';
  if (kind === 'created' && !isWanted && hasSecrets) {
    refuse('secretsEndpoint=none is for databaseLogin=iam: the functions would not reach their secrets.');
  }
  if (kind !== 'created' || !isWanted) return { policy: null, ofFunctions: [], ofMigrate: [] };
  const waits = ['SecretsEndpoint'];
  return {
    policy: hasSecrets ? given.choice('ingestion', ['direct', 'queued', 'draining']) : 'iam',
    ofFunctions: hasSecrets ? waits : [],
    ofMigrate: waits,
  };
};

// `kind`: created or existing. `ofKind`: its own parameters.
const login = (given, kind, ofKind, region) => {
  const preset = kind === 'created' ? 'iam' : 'secret';
  const target = given.isGiven('databaseLogin') ? given.choice('databaseLogin', ['iam', 'secret']) : preset;
  const isSwitching = given.choice('databaseLoginSwitch', [true, false]);
  const isIam = target === 'iam' || isSwitching;
  const hasSecrets = target === 'secret' || isSwitching;
  if (!isIam && given.isGiven('databaseResourceId')) {
    refuse('databaseResourceId is for databaseLogin=iam, and databaseLogin is secret.');
  }
  return {
    ...(kind === 'existing' && isIam && ofExisting(given, ofKind, region)),
    login: {
      target,
      isIam,
      hasSecrets,
      endpoint: endpoint(given, kind, hasSecrets),
      // What the created server exports to CloudWatch, and the groups that must be there before.
      exports: ['error', 'slowquery', ...(isIam ? ['iam-db-auth-error'] : [])],
      logGroups: ['DatabaseErrorLog', 'DatabaseSlowQueryLog', ...(isIam ? ['DatabaseLoginLog'] : [])],
    },
  };
};

module.exports = { login };
