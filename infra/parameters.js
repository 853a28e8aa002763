// Reads and checks parameters of serverless.yml. Those from the command line are text.
'use strict';

const { refuse } = require('./refuse');

// `values` is name → value, as osls has it.
const parameters = (values) => {
  const text = (name) => String(values[name]).trim();

  return {
    isGiven: (name) => !['', '0'].includes(text(name)),

    text: (name, pattern, form) => {
      if (!pattern.test(text(name))) refuse(`${name} must be ${form}, not "${text(name)}".`);
      return text(name);
    },

    choice: (name, choices) => {
      if (!choices.map(String).includes(text(name))) {
        refuse(`${name} must be one of ${choices.join(', ')}, not "${text(name)}".`);
      }
      return choices.find((choice) => String(choice) === text(name));
    },

    number: (name, least, most) => {
      const number = Number(text(name));
      if (!/^\d+$/.test(text(name)) || number < least || number > most) {
        refuse(`${name} must be a whole number from ${least} to ${most}, not "${text(name)}".`);
      }
      return number;
    },

    // Names of a few lower-case letters and digits, separated by commas.
    names: (name, most) => {
      const names = text(name).split(/\s*,\s*/);
      if (names.length > most || !names.every((each) => /^[a-z0-9]{1,20}$/.test(each))) {
        refuse(
          `${name} must be 1 to ${most} names of up to 20 lower-case letters and digits, separated by commas, not ` +
            `"${text(name)}".`,
        );
      }
      if (new Set(names).size < names.length) refuse(`${name} has a name twice: "${text(name)}".`);
      return names;
    },

    // AWS ids, separated by commas.
    ids: (name, kind) => {
      const ids = text(name).split(/\s*,\s*/);
      for (const id of ids) {
        if (!new RegExp(`^${kind}-([0-9a-f]{8}|[0-9a-f]{17})$`).test(id)) {
          refuse(`${name} must be ids like ${kind}-0123456789abcdef0, separated by commas, not "${text(name)}".`);
        }
      }
      if (new Set(ids).size < ids.length) refuse(`${name} has an id twice: "${text(name)}".`);
      return ids;
    },
  };
};

module.exports = { parameters };
