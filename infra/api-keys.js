// The keys of an API. All belong to its one usage plan, which gives each key the rate and the quota for itself. The
// API's stage bounds the rate of all of them together.
'use strict';

// The names that stacks of one key always had.
const FIRST = '1';

const suffix = (name) => (name === FIRST ? '' : name[0].toUpperCase() + name.slice(1));

// `api` begins the logical ids, `fullName` is the name of the API, and `names` are those of its keys.
const apiKeys = (api, fullName, names) => {
  const all = names.map((name) => [
    name,
    `${api}ApiKey${suffix(name)}`,
    `${api}UsagePlanKey${suffix(name)}`,
    `${api}ApiKeyId${suffix(name)}`,
  ]);
  return {
    Resources: Object.fromEntries(
      all.flatMap(([name, key, planKey]) => [
        // No Value: AWS generates one, so it is in no template.
        [
          key,
          {
            Type: 'AWS::ApiGateway::ApiKey',
            Properties: { Name: name === FIRST ? fullName : `${fullName}-${name}`, Enabled: true },
          },
        ],
        [
          planKey,
          {
            Type: 'AWS::ApiGateway::UsagePlanKey',
            Properties: { UsagePlanId: { Ref: `${api}UsagePlan` }, KeyId: { Ref: key }, KeyType: 'API_KEY' },
          },
        ],
      ]),
    ),
    Outputs: Object.fromEntries(
      all.map(([name, key, , output]) => [
        output,
        { Description: `The id, not the value, of the key "${name}" of ${fullName}`, Value: { Ref: key } },
      ]),
    ),
  };
};

module.exports = { apiKeys };
