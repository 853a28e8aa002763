// The CloudWatch dashboard of a stage: first what the service does, then the alarms' graphs in the order of
// docs/runbook.md, then what makes the bill.
'use strict';

const { SECTIONS, graphsOf } = require('./alarms');
const { beside, costs, overview } = require('./more');

// A dashboard is a grid of 24 columns.
const COLUMNS = 24;
const WIDTH = 6;
const HEIGHT = 5;

const HEAD = (stage) =>
  `# Error codes, ${stage}\nA graph is called as its section in docs/runbook.md, and the order is the same. ` +
  'The line "rings" is where its alarm begins.';

const graph = ({ title, lines, rings }) => ({
  type: 'metric',
  properties: {
    title,
    metrics: lines,
    view: 'timeSeries',
    region: '${AWS::Region}',
    period: 60,
    yAxis: { left: { min: 0 } },
    ...(rings && { annotations: { horizontal: [rings] } }),
  },
});

const table = ({ title, query }) => ({
  type: 'log',
  properties: { title, query, view: 'table', region: '${AWS::Region}' },
});

const widgetOf = (each) => (each.query ? table(each) : graph(each));

// Places widgets from left to right, line by line, below the head.
const place = (widgets, top) =>
  widgets.map((widget, index) => ({
    ...widget,
    x: (index * WIDTH) % COLUMNS,
    y: top + Math.floor((index * WIDTH) / COLUMNS) * HEIGHT,
    width: WIDTH,
    height: HEIGHT,
  }));

const head = (stage, alarms) => [
  { type: 'text', x: 0, y: 0, width: COLUMNS, height: 2, properties: { markdown: HEAD(stage) } },
  {
    type: 'alarm',
    x: 0,
    y: 2,
    width: COLUMNS,
    height: 4,
    properties: { title: 'Alarms', alarms: alarms.map((id) => `\${${id}.Arn}`), sortBy: 'stateUpdatedTimestamp' },
  },
];

module.exports = async ({ resolveVariable }) => {
  const settings = await resolveVariable('self:custom');
  const stage = await resolveVariable('sls:stage');
  const prefix = `${await resolveVariable('self:service')}-${stage}`;
  const { Resources } = await resolveVariable('file(infra/alarms.js)');
  const alarms = Object.entries(Resources);

  const about = { ...settings, prefix };
  const ofSections = SECTIONS.flatMap((section) => [
    ...graphsOf(section, alarms.map(([, { Properties }]) => Properties)),
    ...(beside[section]?.(about) ?? []),
  ]);
  const top = head(stage, alarms.map(([id]) => id));
  const widgets = [...overview(about), ...ofSections, ...costs(about)].map(widgetOf);
  const body = { start: '-PT6H', widgets: [...top, ...place(widgets, 6)] };
  return {
    Resources: {
      Dashboard: {
        Type: 'AWS::CloudWatch::Dashboard',
        Properties: { DashboardName: prefix, DashboardBody: { 'Fn::Sub': JSON.stringify(body) } },
      },
    },
  };
};
