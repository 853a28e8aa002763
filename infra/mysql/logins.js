// How each function logs in to MySQL, by the parameters databaseLogin and databaseLoginSwitch: what it is told, and what
// its role may do for that. Used as ${file(infra/mysql/logins.js):postLog.user, null}.
'use strict';

const { arnOf } = require('../arn');

// The beginning of the database user's name, and the logical id of the secret where it has a password.
const FUNCTIONS = {
  postLog: { user: 'post_log', secret: 'PostLogSecret' },
  getLogs: { user: 'get_logs', secret: 'GetLogsSecret' },
  retention: { user: 'retention', secret: 'RetentionSecret' },
  summarize: { user: 'summarize', secret: 'SummarizeSecret' },
  storeLogs: { user: 'store_logs', secret: 'StoreLogsSecret' },
};

// Exactly this user of exactly this server.
const mayConnect = (resourceId, user) => ({
  Sid: 'OwnDatabaseUser',
  Effect: 'Allow',
  Action: 'rds-db:connect',
  Resource: { 'Fn::Sub': [`${arnOf('rds-db')}:dbuser:\${ResourceId}/${user}`, { ResourceId: resourceId }] },
});

const mayRead = (secret) => ({
  Sid: 'OwnSecret',
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: { Ref: secret },
});

module.exports = async ({ resolveVariable }) => {
  const { database, login, queue } = await resolveVariable('self:custom');
  const stage = await resolveVariable('sls:stage');
  const connection = `file(infra/${database}/connection.yml)`;
  const resourceId = login.isIam ? await resolveVariable(`${connection}:resourceId`) : null;
  const adminSecret = await resolveVariable(`${connection}:adminSecret`);

  // store-logs is there only beside a queue.
  const names = Object.keys(FUNCTIONS).filter((name) => name !== 'storeLogs' || queue);
  const functions = names.map((name) => {
    const { user, secret } = FUNCTIONS[name];
    const userOfStage = `${user}_${stage}`;
    const statements = [
      ...(login.isIam ? [mayConnect(resourceId, userOfStage)] : []),
      ...(login.hasSecrets ? [mayRead(secret)] : []),
    ];
    return [
      name,
      {
        user: login.isIam ? userOfStage : null,
        secret: login.hasSecrets ? { Ref: secret } : null,
        // For migrate, which brings the user to the login of the parameter.
        userOfMigrate: login.target === 'iam' ? userOfStage : null,
        secretOfMigrate: login.target === 'secret' ? { Ref: secret } : null,
        policy: { PolicyName: 'database-login', PolicyDocument: { Version: '2012-10-17', Statement: statements } },
      },
    ];
  });

  return {
    ...Object.fromEntries(functions),
    isSwitching: login.isIam && login.hasSecrets ? 'true' : null,
    // What migrate reads: the administrator's secret, and those whose users it creates.
    secretsOfMigrate: [adminSecret, ...functions.flatMap(([, { secretOfMigrate }]) => secretOfMigrate ?? [])],
  };
};
