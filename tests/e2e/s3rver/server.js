// s3rver with what a real S3 does and 3.7.1 does not: an object is replaced at once or not at all; a listing with a delimiter
// has every prefix (3.7.1 leaves out those with nothing but further prefixes in them), and names in it are encoded when that is
// asked for; the ETag of an upload in parts is not the object's MD5. Signatures are checked of version 2 alone. The key pair comes
// from the environment.
//   node server.js MODULES DIRECTORY ADDRESS PORT
'use strict';
const [modules, directory, address, port] = process.argv.slice(2);
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
// Its continuation tokens are of a cipher that OpenSSL 3 has no more.
for (const name of ['createCipheriv', 'createDecipheriv']) {
  const made = crypto[name];
  crypto[name] = (cipher, key, iv) => cipher === 'des' ? made('aes-128-cbc', Buffer.concat([key, key]), Buffer.concat([iv, iv])) : made(cipher, key, iv);
}
const S3rver = require(path.join(modules, 's3rver'));
const Store = require(path.join(modules, 's3rver/lib/stores/filesystem'));
const Account = require(path.join(modules, 's3rver/lib/models/account'));
const S3Object = require(path.join(modules, 's3rver/lib/models/object'));

Account.DUMMY_ACCOUNT.revokeAccessKey('S3RVER');
Account.DUMMY_ACCOUNT.createKeyPair(process.env.S3_ACCESS_KEY, process.env.S3_SECRET_KEY);

const md5 = data => crypto.createHash('md5').update(data).digest('hex');
const suffix = '._S3rver_object';
const listed = new Map(); // bucket -> its keys, sorted by bytes
const forget = name => {
  const old = Store.prototype[name];
  Store.prototype[name] = async function (bucket, ...rest) { listed.delete(bucket); try { return await old.call(this, bucket, ...rest); } finally { listed.delete(bucket); } };
};
for (const name of ['deleteObject', 'deleteBucket', 'putBucket', 'copyObject']) forget(name);

Store.prototype.keysOf = function (bucket) {
  if (listed.has(bucket)) return listed.get(bucket);
  const keys = [];
  const walk = (dir, prefix) => {
    for (const entry of fs.readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) { if (entry.name !== '._S3rver_uploads') walk(path.join(dir, entry.name), prefix + entry.name + '/'); }
      else if (entry.name.endsWith(suffix)) keys.push(prefix + entry.name.slice(0, -suffix.length));
  };
  walk(this.getBucketPath(bucket), '');
  keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  listed.set(bucket, keys);
  return keys;
};

Store.prototype.listObjects = async function (bucket, { delimiter = '', startAfter = '', prefix = '', maxKeys = Infinity }) {
  const keys = [], commonPrefixes = new Set();
  let isTruncated = false;
  for (const key of this.keysOf(bucket)) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(startAfter)) <= 0) continue;
    const end = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
    if (end >= 0) { commonPrefixes.add(key.slice(0, end + 1)); continue; }
    if (keys.length >= maxKeys) { isTruncated = true; break; }
    keys.push(key);
  }
  const found = await Promise.all(keys.map(key => this.getMetadata(bucket, key).catch(() => undefined)));
  return {
    objects: keys.map((key, i) => found[i] && new S3Object(bucket, key, null, found[i])).filter(Boolean),
    commonPrefixes: [...commonPrefixes].sort(), isTruncated,
  };
};

Store.prototype.putWhole = async function (bucket, key, metadata, content, etag) {
  const file = this.getResourcePath(bucket, key, 'object');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const temporary = path.join(directory, `.new-${crypto.randomUUID()}`);
  await fs.promises.writeFile(temporary, content);
  const kept = Object.fromEntries(Object.entries(metadata).filter(([name]) => S3Object.ALLOWED_METADATA.includes(name) || name.startsWith('x-amz-meta-')));
  fs.writeFileSync(`${file}.md5`, etag);
  fs.writeFileSync(this.getResourcePath(bucket, key, 'metadata.json'), JSON.stringify(kept));
  fs.renameSync(temporary, file); // the three at once, for everybody else in this process
  listed.delete(bucket);
  return { size: content.length, md5: etag };
};
Store.prototype.getMetadata = async function (bucket, key) {
  const file = this.getResourcePath(bucket, key, 'object');
  const stat = fs.statSync(file);
  return {
    ...JSON.parse(fs.readFileSync(this.getResourcePath(bucket, key, 'metadata.json'))),
    etag: JSON.stringify(fs.readFileSync(`${file}.md5`, 'utf8')),
    'last-modified': stat.mtime.toUTCString(),
    'content-length': stat.size,
  };
};
Store.prototype.putObject = async function (object) {
  const parts = [];
  if (Buffer.isBuffer(object.content)) parts.push(object.content);
  else for await (const part of object.content) parts.push(part);
  const content = Buffer.concat(parts);
  return this.putWhole(object.bucket, object.key, object.metadata, content, md5(content));
};
Store.prototype.putObjectMultipart = async function (bucket, uploadId, parts) {
  const dir = path.join(this.getResourcePath(bucket, undefined, 'uploads'), uploadId);
  const key = fs.readFileSync(path.join(dir, 'key'), 'utf8');
  const metadata = JSON.parse(fs.readFileSync(path.join(dir, 'metadata')));
  const all = [...parts].sort((a, b) => a.number - b.number).map(part => fs.readFileSync(path.join(dir, String(part.number))));
  const etag = md5(Buffer.concat(all.map(part => Buffer.from(md5(part), 'hex')))) + `-${all.length}`;
  const result = await this.putWhole(bucket, key, metadata, Buffer.concat(all), etag);
  fs.rmSync(dir, { recursive: true });
  return result;
};

const server = new S3rver({ directory, address, port: Number(port), silent: true, vhostBuckets: false });
const encode = name => encodeURIComponent(name).replace(/%2F/g, '/');
server.middleware.splice(2, 0, async (ctx, next) => {
  await next();
  const list = ctx.query['encoding-type'] === 'url' && ctx.body && ctx.body.ListBucketResult;
  if (!list) return;
  for (const object of list.Contents) object.Key = encode(object.Key);
  for (const prefix of list.CommonPrefixes) prefix.Prefix = encode(prefix.Prefix);
});
server.run();
