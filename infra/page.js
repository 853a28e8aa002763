// The dashboard page: one document that API Gateway serves itself, without a Lambda call.
// crates/local/src/gateway/page.rs composes the same; a test compares them.
'use strict';

const { createHash } = require('node:crypto');
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

const { refuse } = require('./refuse');

const ROOT = join(__dirname, '..');

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'max-age=300',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

// In this order, one script: no further requests, and one hash in the policy.
const SCRIPTS = ['view', 'key', 'poll', 'show', 'elements', 'csv', 'start'];

const part = (file) => readFileSync(join(ROOT, 'page', file), 'utf8');

const source = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

// Nothing is loaded or run but what stands in the page; requests go to where the page came from.
const policy = (script, style) =>
  `default-src 'none'; script-src ${source(script)}; style-src ${source(style)}; img-src data:; connect-src 'self'; ` +
  `base-uri 'none'; form-action 'none'`;

const isErrorCode = (text) => /^(0|-?[1-9]\d*)$/.test(text) && Number(text) === (Number(text) | 0);

// codes.json beside serverless.yml: {"107":"Motor overheated"}. In the order of the codes.
const names = () => {
  const file = join(ROOT, 'codes.json');
  if (!existsSync(file)) return '{}';
  let all;
  try {
    all = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return refuse(`codes.json is not JSON: ${error.message}`);
  }
  const entries = Object.entries(all);
  if (Array.isArray(all) || !entries.every(([code, name]) => isErrorCode(code) && typeof name === 'string')) {
    refuse('codes.json must be an object of error codes and names, like {"107":"Motor overheated"}');
  }
  const inOrder = entries.sort(([one], [other]) => Number(one) - Number(other));
  const json = inOrder.map(([code, name]) => `"${code}":${JSON.stringify(name)}`).join(',');
  // A name must not end the element. API Gateway's templates give the other two signs a meaning.
  return `{${json}}`.replaceAll('<', '\\u003c').replaceAll('$', '\\u0024').replaceAll('#', '\\u0023');
};

const page = () => {
  const [html, style] = ['index.html', 'style.css'].map(part);
  const script = SCRIPTS.map((name) => part(`script/${name}.js`)).join('\n');
  const parts = { policy: policy(script, style), style, script, names: names() };
  return Object.entries(parts).reduce((text, [name, value]) => text.replace(`{{${name}}}`, () => value), html);
};

// A mock integration whose answer is the page.
const pageIntegration = () => ({
  type: 'mock',
  passthroughBehavior: 'never',
  requestTemplates: { 'application/json': '{"statusCode":200}' },
  responses: {
    default: {
      statusCode: '200',
      responseParameters: Object.fromEntries(
        Object.entries(HEADERS).map(([name, value]) => [`method.response.header.${name}`, `'${value}'`]),
      ),
      responseTemplates: { 'text/html': page() },
    },
  },
});

module.exports = { pageIntegration };
