// A plugin of osls: each function that has versions is called by the alias `live`. So a deployment moves the callers to
// new code and new settings in one step, and a rollback moves them back (docs/decisions/0100).
'use strict';

const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { join } = require('node:path');

const ALIAS = 'live';

// infra/canary.yml has the deployment groups.
const canaryPolicy = (id) => ({
  CodeDeployLambdaAliasUpdate: {
    ApplicationName: { Ref: 'CanaryApplication' },
    DeploymentGroupName: { Ref: `${id}CanaryGroup` },
  },
});

const alias = (id, versionId, { provisioned, isCanary }) => ({
  Type: 'AWS::Lambda::Alias',
  ...(isCanary && { UpdatePolicy: canaryPolicy(id) }),
  Properties: {
    FunctionName: { Ref: `${id}LambdaFunction` },
    FunctionVersion: { 'Fn::GetAtt': [versionId, 'Version'] },
    Name: ALIAS,
    ...(provisioned > 0 && { ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: provisioned } }),
  },
});

class Aliases {
  constructor(serverless) {
    this.service = serverless.service;
    this.folder = serverless.serviceDir;
    this.hooks = {
      'before:package:compileFunctions': () => this.prepare(),
      'after:package:compileFunctions': () => this.compile(),
    };
  }

  // The functions with versions, and how their logical ids begin.
  functions() {
    const all = this.service.getAllFunctions().map((name) => [name, this.service.getFunction(name)]);
    const versioned = all.filter(([, each]) => each.versionFunction !== false);
    return versioned.map(([name, each]) => ({ name, id: name[0].toUpperCase() + name.slice(1), each }));
  }

  prepare() {
    const code = this.code();
    for (const { id, each } of this.functions()) {
      // What osls calls a function by, from schedules and queues. By itself it has an alias only for warm environments.
      each.targetAlias = { name: ALIAS, logicalId: `${id}Alias` };
      // Lambda makes no version of what it has a version of, and CloudFormation then fails. So the settings differ
      // wherever the code may: `cargo lambda deploy` may have brought the same code before.
      each.description += ` (code ${code})`;
    }
  }

  // Of all zips: a deployment of new code gives a new version to each function.
  code() {
    const hash = createHash('sha256');
    for (const { each } of this.functions()) hash.update(readFileSync(join(this.folder, each.package.artifact)));
    return hash.digest('hex').slice(0, 8);
  }

  compile() {
    const { provisioned, canaries } = this.service.custom;
    const { Resources } = this.service.provider.compiledCloudFormationTemplate;
    for (const { name, id, each } of this.functions()) {
      // Kept for a rollback, but not where the deployment fails: the next rollback would find it.
      Resources[each.versionLogicalId].DeletionPolicy = 'RetainExceptOnCreate';
      const options = { provisioned: provisioned[name] ?? 0, isCanary: canaries.includes(id) };
      Resources[`${id}Alias`] = alias(id, each.versionLogicalId, options);
    }
  }
}

module.exports = Aliases;
