// Who may read what through the endpoint of Secrets Manager. The roles say which function reads which; this says that
// nothing else passes.
'use strict';

const secret = (id) => ({ Ref: `${id}Secret` });
const role = (id) => ({ 'Fn::GetAtt': [`${id}Role`, 'Arn'] });

module.exports = async ({ resolveVariable }) => {
  const { postLogMode, queue } = await resolveVariable('self:custom');
  const isQueued = postLogMode === 'queued';
  const consumer = queue ? ['StoreLogs'] : [];
  return {
    // A queued post-log reads no secret. When a stage is switched, its last direct environments do until it is updated:
    // so the endpoint comes after it.
    dependsOn: ['EndpointFromFunctions', ...(isQueued ? ['PostLogLambdaFunction'] : [])],
    policy: {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          // The condition names the roles: an endpoint's policy is matched against the session, not the role.
          Principal: '*',
          Action: 'secretsmanager:GetSecretValue',
          Resource: [
            // migrate reads it in either mode: the user stays, so that post-log can go back to it.
            ...['PostLog', 'GetLogs', 'Retention', ...consumer].map(secret),
            { 'Fn::GetAtt': ['Database', 'MasterUserSecret.SecretArn'] },
          ],
          Condition: {
            ArnEquals: {
              'aws:PrincipalArn': [
                ...(isQueued ? [] : ['PostLog']),
                'GetLogs',
                'Migrate',
                'Retention',
                ...consumer,
              ].map(role),
            },
          },
        },
      ],
    },
  };
};
