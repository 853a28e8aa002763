// A database login per function, made by Secrets Manager: no file and no person ever has the password. migrate creates
// the users from these secrets, and sets their passwords anew when a secret has changed.
//
// Never change GenerateSecretString of a stage that is live without running migrate right after the deployment:
// CloudFormation makes a new password then, and until migrate has run the database knows only the old one.
'use strict';

const login = (service, stage, name) => ({
  Type: 'AWS::SecretsManager::Secret',
  Properties: {
    Description: `${service} ${stage}, the database user of ${name}`,
    GenerateSecretString: {
      SecretStringTemplate: JSON.stringify({ username: `${name.replace('-', '_')}_${stage}` }),
      GenerateStringKey: 'password',
      PasswordLength: 32,
      // Letters and digits: 190 bits, and nothing that any client, shell or URL reads as something else.
      ExcludePunctuation: true,
    },
  },
});

module.exports = async ({ resolveVariable }) => {
  const { queue } = await resolveVariable('self:custom');
  const service = await resolveVariable('self:service');
  const stage = await resolveVariable('sls:stage');
  return {
    Resources: {
      PostLogSecret: login(service, stage, 'post-log'),
      GetLogsSecret: login(service, stage, 'get-logs'),
      RetentionSecret: login(service, stage, 'retention'),
      ...(queue && { StoreLogsSecret: login(service, stage, 'store-logs') }),
    },
  };
};
