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

const mayRead = (sid, secrets) => ({
  Sid: sid,
  Effect: 'Allow',
  Action: 'secretsmanager:GetSecretValue',
  Resource: secrets,
});

// Exactly this parameter, and of the key only what decrypts it. AWS's own key needs no right.
const mayReadParameter = (name, key) => {
  const arn = { 'Fn::Sub': `${arnOf('ssm')}:parameter/${name.replace(/^\//, '')}` };
  const read = { Sid: 'Parameter', Effect: 'Allow', Action: 'ssm:GetParameter', Resource: arn };
  const decrypt = {
    Sid: 'ParameterKey',
    Effect: 'Allow',
    Action: 'kms:Decrypt',
    Resource: key,
    Condition: { StringEquals: { 'kms:EncryptionContext:PARAMETER_ARN': arn } },
  };
  return key ? [read, decrypt] : [read];
};

const policy = (statements) => ({
  PolicyName: 'database-login',
  PolicyDocument: { Version: '2012-10-17', Statement: statements },
});

module.exports = async ({ resolveVariable }) => {
  const { database, login, queue } = await resolveVariable('self:custom');
  const stage = await resolveVariable('sls:stage');
  const connection = `file(infra/${database}/connection.yml)`;
  const resourceId = login.isIam ? await resolveVariable(`${connection}:resourceId`) : null;
  const adminSecret = await resolveVariable(`${connection}:adminSecret, null`);
  const adminParameter = await resolveVariable(`${connection}:adminParameter, null`);
  const adminParameterKey = await resolveVariable(`${connection}:adminParameterKey, null`);

  // store-logs is there only beside a queue.
  const names = Object.keys(FUNCTIONS).filter((name) => name !== 'storeLogs' || queue);
  const functions = names.map((name) => {
    const { user, secret } = FUNCTIONS[name];
    const userOfStage = `${user}_${stage}`;
    const statements = [
      ...(login.isIam ? [mayConnect(resourceId, userOfStage)] : []),
      ...(login.hasSecrets ? [mayRead('OwnSecret', { Ref: secret })] : []),
    ];
    return [
      name,
      {
        user: login.isIam ? userOfStage : null,
        secret: login.hasSecrets ? { Ref: secret } : null,
        // For migrate, which brings the user to the login of the parameter.
        userOfMigrate: login.target === 'iam' ? userOfStage : null,
        secretOfMigrate: login.target === 'secret' ? { Ref: secret } : null,
        policy: policy(statements),
      },
    ];
  });

  // The administrator's, and those of the users that it gives passwords.
  const secretsOfMigrate = [
    ...(adminSecret ? [adminSecret] : []),
    ...functions.flatMap(([, { secretOfMigrate }]) => secretOfMigrate ?? []),
  ];

  return {
    ...Object.fromEntries(functions),
    migrate: {
      policy: policy([
        ...(secretsOfMigrate.length ? [mayRead('Secrets', secretsOfMigrate)] : []),
        ...(adminParameter ? mayReadParameter(adminParameter, adminParameterKey) : []),
      ]),
    },
    adminLogin: adminSecret ?? adminParameter,
    isSwitching: login.isIam && login.hasSecrets ? 'true' : null,
  };
};
