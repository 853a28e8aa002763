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

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const files = await Promise.all(ALL(settings).map((file) => resolveVariable(file)));
  const alarms = files.flatMap((file) => Object.entries(file.Resources ?? {}));
  const chosen = settings.alarms === 'all' ? alarms : alarms.filter(([id]) => FEW.includes(id));
  return { Resources: Object.fromEntries(chosen) };
};
