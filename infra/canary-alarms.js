// The alarms that take a deployment back: all that the stage has of the function and its API.
'use strict';

// By a Ref, so that the alarm is there before CodeDeploy asks for it. An alarm of an API waits for the API, and that for
// the alias, so its Ref would be a circle; but every stage has it from the beginning.
const nameOf = ([id, { Properties }]) =>
  Properties.Namespace === 'AWS/ApiGateway' ? Properties.AlarmName : { Ref: id };

module.exports = async ({ resolveVariable }) => {
  const { Resources } = await resolveVariable('file(infra/alarms.js)');
  const { canaries } = await resolveVariable('self:custom');
  const alarmsOf = (id) => Object.entries(Resources).filter(([alarm]) => alarm.startsWith(id));
  return Object.fromEntries(canaries.map((id) => [id, alarmsOf(id).map((alarm) => ({ Name: nameOf(alarm) }))]));
};
