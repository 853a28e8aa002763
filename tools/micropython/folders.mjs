// The folders of this machine as a file system of Emscripten. The WebAssembly build has one in memory only.

import fs from "node:fs";
import path from "node:path";

/// Emscripten's numbers (WASI's) of the errors that a file can give.
const ERRNO = {
  EACCES: 2, EBADF: 8, EBUSY: 10, EEXIST: 20, EFBIG: 22, EINVAL: 28, EIO: 29, EISDIR: 31, ENAMETOOLONG: 37, ENOENT: 44,
  ENOSPC: 51, ENOTDIR: 54, ENOTEMPTY: 55, EPERM: 63, EROFS: 69,
};
/// In memory, or of the kernel.
const NOT_MOUNTED = ["dev", "proc", "sys"];
const MODE = 0o666;

export function mountFolders(FS) {
  const tried = (action) => {
    try {
      return action();
    } catch (error) {
      throw new FS.ErrnoError(ERRNO[error.code] ?? ERRNO.EIO);
    }
  };
  const real = (node) => (node.parent === node ? node.mount.opts.root : path.join(real(node.parent), node.name));
  const makeNode = (parent, name, mode) => Object.assign(FS.createNode(parent, name, mode), { node_ops, stream_ops });

  const node_ops = {
    getattr: (node) => {
      const { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize, blocks } = tried(() =>
        fs.statSync(real(node)),
      );
      return { dev, ino, mode, nlink, uid, gid, rdev, size, atime, mtime, ctime, blksize, blocks };
    },
    setattr: (node, { size }) => {
      if (size !== undefined) tried(() => fs.truncateSync(real(node), size));
    },
    lookup: (parent, name) => makeNode(parent, name, tried(() => fs.statSync(path.join(real(parent), name))).mode),
    mknod: (parent, name, mode) => {
      const node = makeNode(parent, name, mode);
      tried(() => (FS.isDir(mode) ? fs.mkdirSync(real(node)) : fs.closeSync(fs.openSync(real(node), "w", MODE))));
      return node;
    },
    rename: (node, folder, name) => {
      tried(() => fs.renameSync(real(node), path.join(real(folder), name)));
      node.name = name;
    },
    unlink: (parent, name) => tried(() => fs.unlinkSync(path.join(real(parent), name))),
    rmdir: (parent, name) => tried(() => fs.rmdirSync(path.join(real(parent), name))),
    readdir: (node) => [".", "..", ...tried(() => fs.readdirSync(real(node)))],
  };
  const stream_ops = {
    open: (stream) => {
      const access = stream.flags & (fs.constants.O_RDONLY | fs.constants.O_WRONLY | fs.constants.O_RDWR);
      if (FS.isFile(stream.node.mode)) stream.file = tried(() => fs.openSync(real(stream.node), access));
    },
    close: (stream) => stream.file !== undefined && tried(() => fs.closeSync(stream.file)),
    read: (stream, buffer, offset, length, position) =>
      tried(() => fs.readSync(stream.file, new Uint8Array(buffer.buffer), offset, length, position)),
    write: (stream, buffer, offset, length, position) =>
      tried(() => fs.writeSync(stream.file, new Uint8Array(buffer.buffer), offset, length, position)),
    fsync: (stream) => tried(() => fs.fsyncSync(stream.file)) ?? 0,
    llseek: (stream, offset, whence) => {
      const from = whence === 1 ? stream.position : whence === 2 ? tried(() => fs.fstatSync(stream.file)).size : 0;
      if (from + offset < 0) throw new FS.ErrnoError(ERRNO.EINVAL);
      return from + offset;
    },
  };
  const type = { mount: () => makeNode(null, "/", 0o40755) };
  for (const name of fs.readdirSync("/").filter((name) => !NOT_MOUNTED.includes(name))) {
    const root = `/${name}`;
    if (!fs.statSync(root, { throwIfNoEntry: false })?.isDirectory()) continue;
    if (!FS.analyzePath(root).exists) FS.mkdir(root);
    FS.mount(type, { root }, root);
  }
}
