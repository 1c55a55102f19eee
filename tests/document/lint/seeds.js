// One fault or more for each rule of conventions.yaml: [rule, what is wrong, how it gets into the document].
const REGISTER = '/api/v1/auth/register';
const USERS = '/api/v1/users';
const USER = '/api/v1/users/{id}';
const ME = '/api/v1/users/me';
const JSON_TYPE = 'application/json';

const register = (document) => document.paths[REGISTER].post;
const list = (document) => document.paths[USERS].get;
const create = (document) => document.paths[USERS].post;
const get = (document) => document.paths[USER].get;
const me = (document) => document.paths[ME].get;
const media = (operation, status) => operation.responses[status].content[JSON_TYPE];
const schemas = (document) => document.components.schemas;
const user = (document) => schemas(document).User.properties;

function rename(object, from, to) {
  object[to] = object[from];
  delete object[from];
}

const path = (to) => (document) => rename(document.paths, ME, to);
const id = (to) => (document) => { me(document).operationId = to; };
// As an operation that API keys cannot use.
const withoutScope = (operation) => {
  delete operation['x-required-scope'];
  return operation;
};
const withoutHeader = (status, name) => (document) => { delete me(document).responses[status].headers[name]; };

export const SEEDS = [
  ['path-style', 'a capital', path('/api/v1/users/Me')],
  ['path-style', 'an underscore', path('/api/v1/users/my_account')],
  ['path-style', 'a slash at the end', path('/api/v1/users/me/')],

  ['operation-id-style', 'camelCase', id('users_meShow')],
  ['operation-id-style', 'two underscores', id('users_me__show')],
  ['operation-id-names-its-tag', 'another resource', id('accounts_me')],
  ['operation-id-names-its-tag', 'a longer word', id('usersown_me')],

  ['parameter-style', 'camelCase', (document) => { list(document).parameters[2].name = 'emailPrefix'; }],
  ['parameter-style', 'a hyphen', (document) => { list(document).parameters[2].name = 'email-prefix'; }],

  ['schema-style', 'snake_case', (document) => {
    schemas(document).api_problem = schemas(document).FieldProblem;
  }],
  ['schema-style', 'capitals in a row', (document) => {
    schemas(document).APIProblem = schemas(document).FieldProblem;
  }],
  ['property-style', 'camelCase', (document) => rename(user(document), 'email', 'emailAddress')],
  ['property-style', 'one inside', (document) => {
    schemas(document).ErrorDetails.properties.fields.items = {
      properties: { ruleName: { type: 'string', description: 'It.' } },
    };
  }],
  ['enum-style', 'camelCase', (document) => { schemas(document).HealthStatus.enum.push('notReady'); }],

  ['one-tag', 'none', (document) => { delete me(document).tags; }],
  ['one-tag', 'two', (document) => { me(document).tags.push('auth'); }],
  ['summary', 'none', (document) => { delete me(document).summary; }],
  ['summary', 'a full stop', (document) => { me(document).summary += '.'; }],
  ['summary', 'no capital', (document) => { me(document).summary = 'show it'; }],
  ['sentences', 'an operation without', (document) => { delete me(document).description; }],
  ['sentences', 'a parameter without', (document) => { delete list(document).parameters[0].description; }],
  ['sentences', 'a schema with a bare word', (document) => { schemas(document).User.description = 'account'; }],
  ['property-sentences', 'a property without', (document) => { delete user(document).email.description; }],
  ['body-example', 'none in a request', (document) => {
    delete register(document).requestBody.content[JSON_TYPE].example;
  }],
  ['body-example', 'none in a response', (document) => { delete media(me(document), '200').example; }],
  ['body-example', 'an empty list', (document) => { media(me(document), '401').examples = {}; }],

  ['security-stated', 'nothing', (document) => { delete register(document).security; }],
  ['bearer-can-be-refused', 'no 401', (document) => { delete me(document).responses['401']; }],
  ['role-can-be-missing', 'no 403', (document) => { delete withoutScope(list(document)).responses['403']; }],
  ['role-can-be-missing', 'no token', (document) => { withoutScope(list(document)).security = []; }],
  ['role-can-be-missing', 'an unknown role', (document) => { list(document)['x-allowed-roles'] = ['root']; }],
  ['scope-can-be-missing', 'no 403', (document) => { delete me(document).responses['403']; }],
  ['scope-can-be-missing', 'no resource', (document) => { me(document)['x-required-scope'] = 'read'; }],

  ['exact-status', 'a range', (document) => rename(me(document).responses, '500', '5XX')],
  ['exact-status', 'default', (document) => {
    me(document).responses.default = me(document).responses['200'];
  }],
  ['one-error-body', 'another schema', (document) => {
    media(me(document), '401').schema.$ref = '#/components/schemas/FieldProblem';
  }],
  ['one-error-body', 'the codes as one example', (document) => {
    media(me(document), '401').example = {};
    delete media(me(document), '401').examples;
  }],
  ['caller-can-err', 'no 400', (document) => { delete me(document).responses['400']; }],
  ['caller-can-err', 'no 422 for parameters', (document) => { delete list(document).responses['422']; }],
  ['caller-can-err', 'no 413 for a body', (document) => { delete register(document).responses['413']; }],
  ['request-id', 'none on a success', withoutHeader('200', 'X-Request-Id')],
  ['request-id', 'none on an error', withoutHeader('503', 'X-Request-Id')],
  ['challenge', 'none', withoutHeader('401', 'WWW-Authenticate')],
  ['retry-after', 'none on 503', withoutHeader('503', 'Retry-After')],
  ['retry-after', 'none on 429', withoutHeader('429', 'Retry-After')],
  ['rate-limit', 'none on a success', withoutHeader('200', 'RateLimit-Remaining')],
  ['no-content', 'a body of a 204', (document) => {
    document.paths[ME].delete.responses['204'].content = me(document).responses['200'].content;
  }],
  ['no-content', 'a 200 without a body', (document) => { delete me(document).responses['200'].content; }],

  ['only-json', 'another type', (document) => {
    rename(register(document).requestBody.content, JSON_TYPE, 'application/x-www-form-urlencoded');
  }],
  ['only-json', 'a second type', (document) => {
    me(document).responses['200'].content['application/xml'] = media(me(document), '200');
  }],
  ['named-body', 'an object in place', (document) => {
    media(me(document), '200').schema = { type: 'object' };
  }],
  ['named-body', 'a word beside the reference', (document) => {
    media(me(document), '200').schema.title = 'Me';
  }],
  ['named-object', 'an object in a property', (document) => {
    user(document).plan = {
      type: 'object',
      description: 'It.',
      properties: { name: { type: 'string', description: 'Its name.' } },
    };
  }],
  ['named-object', 'an object in a list', (document) => {
    user(document).plans = {
      type: 'array',
      description: 'Them.',
      items: { type: 'object', properties: { name: { type: 'string', description: 'Its name.' } } },
    };
  }],
  ['list-page', 'no limit', (document) => { list(document).parameters.shift(); }],
  ['list-page', 'a field more', (document) => {
    schemas(document).UserPage.properties.total = { type: 'integer', format: 'int64', description: 'All.' };
  }],
  ['list-page', 'a next_page that may be absent', (document) => {
    schemas(document).UserPage.required = ['items'];
  }],
  ['list-sort', 'none', (document) => {
    list(document).parameters = list(document).parameters.filter(({ name }) => name !== 'sort');
  }],
  ['created-location', 'none', (document) => { delete create(document).responses['201'].headers.Location; }],
  ['resource-tag', 'no tag', (document) => { delete get(document).responses['200'].headers.ETag; }],
  ['resource-tag', 'no 304', (document) => { delete get(document).responses['304']; }],
  ['change-condition', 'no 412', (document) => { delete document.paths[USER].patch.responses['412']; }],
  ['idempotency-key', 'none', (document) => { create(document).parameters = []; }],
  ['bare-array', 'in a response', (document) => {
    schemas(document).User = schemas(document).UserPage.properties.items;
  }],
  ['list-name', 'another verb', (document) => { list(document).operationId = 'users_find'; }],

  ['integer-format', 'none', (document) => { delete user(document).id.format; }],
  ['integer-format', 'unsigned', (document) => { list(document).parameters[0].schema.format = 'uint32'; }],
  ['integer-format', 'none on one that may be null', (document) => {
    user(document).id.type = ['integer', 'null'];
    delete user(document).id.format;
  }],
  ['nullable-type', 'the word of 3.0', (document) => {
    user(document).full_name.type = 'string';
    user(document).full_name.nullable = true;
  }],
  ['nullable-type', 'two types without null', (document) => {
    user(document).full_name.type = ['string', 'integer'];
  }],
  ['nullable-type', 'a list of one', (document) => { user(document).full_name.type = ['string']; }],
  ['instant-format', 'plain text', (document) => { delete user(document).created_at.format; }],
  ['instant-format', 'a day', (document) => { user(document).created_at.format = 'date'; }],
  ['instant-format', 'plain text in a parameter', (document) => {
    delete list(document).parameters.find(({ name }) => name === 'created_after').schema.format;
  }],
];
