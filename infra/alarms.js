// The alarms of a stage. Each stands in a file beside its like; the parameter `alarms` says which of them there are.
'use strict';

const ALL = ({ engine, queueFile, databaseAlarmsFile }) => [
  'file(infra/alarms.yml)',
  `file(infra/${engine}/alarms.yml)`,
  'file(infra/api-alarms.yml)',
  `file(infra/${queueFile}.yml):alarms`,
  `file(infra/${databaseAlarmsFile}.yml)`,
];

// What clients notice, and what would lose data if nobody came. The others say why, or what comes next.
const FEW = [
  'PostLogApi5xxAlarm',
  'GetLogsApi5xxAlarm',
  'DatabaseFreeStorageAlarm',
  'QueueAgeAlarm',
  'DeadLetterQueueDepthAlarm',
];

// What a canary is judged by as well: calls that end without an answer.
const OF_CANARY = ['PostLogErrorsAlarm', 'GetLogsErrorsAlarm'];

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const files = await Promise.all(ALL(settings).map((file) => resolveVariable(file)));
  const alarms = files.flatMap((file) => Object.entries(file.Resources ?? {}));
  const few = settings.deployment === 'canary' ? [...FEW, ...OF_CANARY] : FEW;
  const chosen = settings.alarms === 'all' ? alarms : alarms.filter(([id]) => few.includes(id));
  return { Resources: Object.fromEntries(chosen) };
};
