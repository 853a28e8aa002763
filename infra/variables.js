// What each function is told, beside what all are (provider.environment in serverless.yml). No secret in here: what a
// variable holds, everyone with lambda:GetFunctionConfiguration reads.
'use strict';

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const connection = (part) => resolveVariable(`file(infra/${settings.database}/connection.yml):${part}`);
  // Where the database is, and who logs in there.
  const database = {
    DB_HOST: await connection('host'),
    DB_PORT: await connection('port'),
    DB_NAME: settings.databaseName,
  };
  const as = (id) => ({ ...database, DB_SECRET_ARN: { Ref: `${id}Secret` } });
  const { queue } = settings;
  const answering = { ALLOWED_ORIGIN: settings.allowedOrigin };
  return {
    // The whole of it: a queued post-log knows of no database.
    postLog: { ...(settings.postLogMode === 'queued' ? { QUEUE_URL: { Ref: 'Queue' } } : as('PostLog')), ...answering },
    getLogs: { ...as('GetLogs'), ...answering, CACHE_SECONDS: settings.getLogsCache },
    migrate: {
      ...database,
      // The administrator's login: the only function that has it.
      DB_SECRET_ARN: await connection('adminSecret'),
      POST_LOG_SECRET_ARN: { Ref: 'PostLogSecret' },
      GET_LOGS_SECRET_ARN: { Ref: 'GetLogsSecret' },
      RETENTION_SECRET_ARN: { Ref: 'RetentionSecret' },
      ...(queue && { STORE_LOGS_SECRET_ARN: { Ref: 'StoreLogsSecret' } }),
    },
    retention: {
      ...as('Retention'),
      BATCH_RETENTION_DAYS: settings.batchRetention,
      LOG_RETENTION_DAYS: settings.codeRetention,
    },
    ...(queue && { storeLogs: as('StoreLogs') }),
  };
};
