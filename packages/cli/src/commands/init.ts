/**
 * `zscale init`: writes what it takes to run the program of this folder by systemd, Docker or Kubernetes, and says what to do then.
 *
 * What is there already is left alone, unless `--force` says otherwise: then nothing at all is written.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { EXIT_CODES, UsageError } from '../failure.ts';
import { dockerKit, imageFiles } from '../init/docker.ts';
import { kubernetesKit } from '../init/kubernetes.ts';
import { type InitPlan, planInit } from '../init/plan.ts';
import type { InitFile, InitKit } from '../init/serving.ts';
import { systemdKit } from '../init/systemd.ts';
import type { InitInvocation, InitTarget } from '../invocation.ts';
import type { Output } from '../output.ts';
import type { Settlement } from '../settings-origin.ts';

const KITS: Readonly<Record<InitTarget, (plan: InitPlan) => InitKit>> = {
  systemd: systemdKit,
  docker: dockerKit,
  k8s: kubernetesKit,
};

/**
 * Writes the files, says which and what comes next, resolves with the exit code.
 *
 * @param settlement - what the config file of the folder says; default nothing
 * @throws UsageError when something is missing or does not fit; an error with the system's code when a file is there already (`EEXIST`) or
 *   cannot be written
 */
export async function init(
  invocation: InitInvocation,
  output: Output,
  folder: string = process.cwd(),
  settlement: Settlement = new Map(),
): Promise<number> {
  const plan = planInit(invocation, folder, settlement);
  if (!plan.isCommand && !existsSync(join(folder, plan.entry))) {
    throw new UsageError(
      `there is no file ${plan.entry} in ${folder}: run zscale init in the folder of the program, and say which file it is.`,
    );
  }
  const kits = invocation.targets.map((target) => KITS[target](plan));
  const files = withImage(
    kits.flatMap((kit) => kit.files),
    plan,
    folder,
  );
  if (!invocation.force) refuseExisting(files, folder);
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  tell(output, invocation, plan, {
    files,
    next: [...installStep(plan), ...kits.flatMap((kit) => kit.next)],
  });
  return EXIT_CODES.ok;
}

/** Kubernetes runs an image: where nothing makes one, these files do. */
function withImage(
  files: readonly InitFile[],
  plan: InitPlan,
  folder: string,
): readonly InitFile[] {
  const needsImage = files.some(({ path }) => path.startsWith('k8s/'));
  const hasImage =
    files.some(({ path }) => path === 'Dockerfile') || existsSync(join(folder, 'Dockerfile'));
  return needsImage && !hasImage ? [...imageFiles(plan), ...files] : files;
}

function refuseExisting(files: readonly InitFile[], folder: string): void {
  const there = files.map(({ path }) => path).filter((path) => existsSync(join(folder, path)));
  if (there.length === 0) return;
  const error = new Error(
    `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already, so nothing was written. --force writes over ${there.length === 1 ? 'it' : 'them'}.`,
  );
  throw Object.assign(error, { code: 'EEXIST' });
}

/** Outside of a workspace the command has to be one of the project's dependencies. */
function installStep({ dependsOnZscale, manager }: InitPlan): readonly string[] {
  if (dependsOnZscale) return [];
  const verb = manager.name === 'npm' ? 'install' : 'add';
  return [`${manager.name} ${verb} @zscale/cli   # the project does not depend on it yet`];
}

function tell(output: Output, { json }: InitInvocation, plan: InitPlan, kit: InitKit): void {
  const paths = kit.files.map(({ path }) => path);
  if (json) {
    output.print(
      JSON.stringify({ name: plan.name, entry: plan.entry, files: paths, next: kit.next }),
    );
    return;
  }
  const written = paths.map((path) => `  wrote  ${path}\n`).join('');
  const next = kit.next.map((line) => `    ${line}\n`).join('');
  output.print(`\n${written}\n  Look at ${paths.length === 1 ? 'it' : 'them'}, then:\n\n${next}`);
}
