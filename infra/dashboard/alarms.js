// The graphs of what alarms watch, made from the alarms themselves: an alarm that is added has its graph.
'use strict';

// In the order of docs/runbook.md, which every alarm's description ends with a link into; a test compares them.
const SECTIONS = [
  'Throttles',
  'Function errors',
  'Summary lag',
  'Slow function',
  'Queue age',
  'Queue lag',
  'Failed messages',
  'Dead letters',
  'Gateway 5xx',
  'Database connections',
  'Database CPU',
  'Database storage',
  'Table throttles',
  'Table errors',
  'Table latency',
];

const anchor = (title) => title.toLowerCase().replaceAll(' ', '-');

const sectionOf = ({ AlarmDescription }) =>
  SECTIONS.find((title) => AlarmDescription.endsWith(`docs/runbook.md#${anchor(title)}`));

// A value of a dimension, for Fn::Sub.
const valueOf = (value) => {
  if (value.Ref) return `\${${value.Ref}}`;
  if (value['Fn::GetAtt']) return `\${${[value['Fn::GetAtt']].flat().join('.')}}`;
  return value;
};

const FUNCTION = /^\$\{(\w+)LambdaFunction\}$/;

// What a line is called: the function, the API, the operation of the table, or else what is measured.
const labelOf = (name, dimensions) => {
  const [first, second] = dimensions.map(({ Value }) => valueOf(Value));
  if (FUNCTION.test(first)) return first.match(FUNCTION)[1].replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
  if (dimensions[0].Name === 'ApiName') return first;
  return second ?? name;
};

const lineOf = ({ Namespace, MetricName, Dimensions }, stat, period) => [
  Namespace,
  MetricName,
  ...Dimensions.flatMap(({ Name, Value }) => [Name, valueOf(Value)]),
  { label: labelOf(MetricName, Dimensions), stat, period },
];

// The lines of an alarm: its metric, or those that its expression gathers.
const linesOf = (alarm) => {
  if (!alarm.Metrics) return [lineOf(alarm, alarm.Statistic ?? alarm.ExtendedStatistic, alarm.Period)];
  const gathered = alarm.Metrics.filter(({ MetricStat }) => MetricStat);
  return gathered.map(({ MetricStat: { Metric, Stat, Period } }) => lineOf(Metric, Stat, Period));
};

// Alarms of a section that may share a graph: they ring at the same number of the same thing.
const groupOf = (alarm) => `${alarm.Threshold} ${linesOf(alarm)[0][1]}`;

const title = (section, lines, isAlone) =>
  isAlone ? section : `${section}: ${lines.map((line) => line.at(-1).label).join(', ')}`;

// The graphs of a section, and the threshold in each as a line.
const graphsOf = (section, alarms) => {
  const ofSection = alarms.filter((alarm) => sectionOf(alarm) === section);
  const groups = [...new Set(ofSection.map(groupOf))];
  return groups.map((group) => {
    const ofGroup = ofSection.filter((alarm) => groupOf(alarm) === group);
    const lines = ofGroup.flatMap(linesOf);
    return {
      title: title(section, lines, groups.length === 1),
      lines,
      rings: { label: 'rings', value: ofGroup[0].Threshold },
    };
  });
};

module.exports = { SECTIONS, graphsOf };
