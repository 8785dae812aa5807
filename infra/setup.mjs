// Installs what is missing before `npm start` and `npm test`: the packages of the lock file, with the Node the server runs on, and redis-server.
// Plain JavaScript without packages, for Node 20 and up. With nothing to do it reads two files and ends.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const oldestNode = 20;
/** The oldest Node that runs the server where there is no package with one (not Linux). */
const oldestServingNode = 24;

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stamp = join(modules, ".tributary-lock");
const policyFile = "/usr/sbin/policy-rc.d";

/** Ends the setup with one sentence that says what to do, after the output of the command that failed, if one did. */
function fail(sentence, output = "") {
  process.stderr.write(`${output}${output === "" || output.endsWith("\n") ? "" : "\n"}tributary: ${sentence}\n`);
  process.exit(1);
}

/** The whole PATH but the bins of packages: npm must not run on the Node that it is about to replace. */
function systemPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.filter((folder) => !/node_modules[/\\]\.bin[/\\]?$/.test(folder)).join(delimiter);
}

function onPath(program) {
  return systemPath()
    .split(delimiter)
    .some((folder) => runnable(join(folder === "" ? "." : folder, program)));
}

function runnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a command quietly; gives what it wrote, both streams, and whether it ended well. */
function run(program, args, env = {}) {
  const options = { cwd: root, encoding: "utf8", env: { ...process.env, PATH: systemPath(), ...env }, maxBuffer: 64 * 1024 * 1024 };
  const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] });
  return { ok: status === 0, output: `${stdout ?? ""}${stderr ?? ""}${error === undefined ? "" : error.message}` };
}

function ensurePackages() {
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = `${createHash("sha256").update(lock).digest("hex")} ${process.platform}-${process.arch}`;
  if (textOf(stamp) === wanted) return;
  if (!installedAre(lock)) install();
  ensureNode();
  writeFileSync(stamp, wanted);
}

function textOf(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

/** Whether node_modules holds what the lock file says, by the record npm keeps there: someone may have run npm by hand. */
function installedAre(lock) {
  const record = textOf(join(modules, ".package-lock.json"));
  if (record === null) return false;
  const installed = JSON.parse(record).packages;
  const locked = JSON.parse(lock.toString()).packages;
  const same = Object.entries(locked).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    if (installed[path] === undefined) return optional === true && !isOwnNode(path);
    return installed[path].version === version && installed[path].integrity === integrity && existsSync(join(root, path));
  });
  return same && Object.keys(installed).every((path) => locked[path] !== undefined);
}

function isOwnNode(path) {
  return path === `node_modules/node-${process.platform}-${process.arch}`;
}

function install() {
  process.stderr.write("tributary: installing packages (npm ci), this takes a minute the first time …\n");
  const args = ["ci", "--include=dev", "--include=optional", "--no-progress", "--loglevel=error"];
  const { ok, output } = run("npm", args, { NODE_ENV: "" });
  if (!ok) fail("the packages could not be installed, see above: put that right (network? disk?) and start again.", output);
}

function ensureNode() {
  const own = join(modules, ".bin", "node");
  if (existsSync(own)) {
    const { ok, output } = run(own, ["--version"]);
    if (!ok) fail("the Node in node_modules/.bin does not run here (it needs Linux with glibc 2.28 or newer).", output);
  } else if (majorOf(process.versions.node) < oldestServingNode) {
    const here = `${process.platform}-${process.arch}, this is ${process.version}`;
    fail(`there is no package with Node for ${here}: install Node ${oldestServingNode} or newer, from https://nodejs.org.`);
  }
}

function majorOf(version) {
  return Number.parseInt(version, 10);
}

function ensureRedis() {
  if ((process.env.REDIS_URL ?? "") !== "" || onPath("redis-server")) return;
  const how = redisAdvice();
  if (how !== null) fail(`redis-server is not installed: ${how}, or set REDIS_URL to a running Redis.`);
  process.stderr.write("tributary: installing redis-server (apt-get) …\n");
  withoutServiceStart(() => {
    const apt = { DEBIAN_FRONTEND: "noninteractive" };
    const update = run("apt-get", ["update", "-q"], apt);
    const { ok, output } = run("apt-get", ["install", "-y", "-q", "--no-install-recommends", "redis-server"], apt);
    if (!ok) fail("redis-server could not be installed, see above: install it by hand, or set REDIS_URL.", `${update.output}${output}`);
  });
}

/** What a person must do to get a Redis here; `null` where this script can do it: as root on Debian and its kin. */
function redisAdvice() {
  if (process.platform === "darwin") return "run `brew install redis`";
  const system = textOf("/etc/os-release") ?? "";
  const debian = /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(system) && onPath("apt-get");
  if (debian) return process.getuid?.() === 0 ? null : "run `sudo apt-get install redis-server`";
  if (/^ID(_LIKE)?=.*\b(fedora|rhel)\b/m.test(system)) return "run `sudo dnf install redis`";
  if (/^ID(_LIKE)?=.*\balpine\b/m.test(system)) return "run `apk add redis`";
  return "install Redis 7 or newer with the package manager of this system";
}

/** Debian starts the services it installs, unless this file says 101; the server runs a Redis of its own. An existing file is left as it is. */
function withoutServiceStart(work) {
  if (existsSync(policyFile)) return work();
  const remove = () => rmSync(policyFile, { force: true });
  // With a listener Ctrl-C ends apt-get, not this script before it has tidied up.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  process.on("exit", remove);
  writeFileSync(policyFile, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  work();
  remove();
}

if (majorOf(process.versions.node) < oldestNode)
  fail(`Node ${oldestNode} or newer is needed, this is ${process.version}: see https://nodejs.org.`);
ensurePackages();
ensureRedis();
