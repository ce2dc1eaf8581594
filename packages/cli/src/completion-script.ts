/**
 * Completion of the command line for bash, zsh and fish: from an outline of the commands to the text of a script.
 *
 * Pure. The outline is made of the commands and flags themselves (args.ts), so the scripts have all of them and no other.
 * A script knows what may stand where; only names of running services are looked up when they are asked for, as the names of
 * sockets in the folders of docs/reference/control.md.
 */

/** The shells there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** One of them. */
export type Shell = (typeof SHELLS)[number];

/** What may be given to a flag or a command: names of files, of services that run, some words; or what nobody can guess. */
export type Values = 'files' | 'services' | 'unknown' | readonly string[];

/** One flag. */
export interface FlagOutline {
  /** With their dashes: `-n`, `--name`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined for a flag without a value. */
  readonly values: Values | undefined;
}

/** One command. */
export interface CommandOutline {
  /** Its name and its aliases. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly flags: readonly FlagOutline[];
  /** What stands beside its flags. */
  readonly operands: Values;
}

/** All of the command line. */
export interface ProgramOutline {
  /** Flags that may come first. */
  readonly flags: readonly FlagOutline[];
  readonly commands: readonly CommandOutline[];
  /** The command that is meant where none is named. */
  readonly byDefault: string;
}

/**
 * Prints the names of services that run: for any POSIX shell. What a killed one left behind is a file at which nobody listens; where the
 * system does not say who listens (proc_net_unix(5)), every file counts.
 */
const LIST_SERVICES = `for socket in "\${XDG_RUNTIME_DIR:-/nowhere}"/zscale/*.sock "$(cd "\${TMPDIR:-/tmp}" && pwd)/zscale-$(id -u)"/*.sock; do
    [ -S "$socket" ] && { [ ! -r /proc/net/unix ] || grep -qF " $socket" /proc/net/unix; } && basename "$socket" .sock
  done`;

/** The script for a shell, to be sourced there. */
export function completionScript(outline: ProgramOutline, shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript(outline);
    case 'zsh':
      return zshScript(outline);
    case 'fish':
      return fishScript(outline);
  }
}

function bashScript(outline: ProgramOutline): string {
  const { commands, byDefault } = outline;
  const names = commands.flatMap((command) => command.names);
  const flagCases = commands.flatMap(({ names: own, flags }) => {
    const patterns = new Map<string, string[]>();
    for (const { names: flagNames, values } of flags) {
      if (values === undefined) continue;
      const offer = bashOffer(values);
      const spelled = own.flatMap((name) => flagNames.map((flag) => `${name}:${flag}`));
      patterns.set(offer, [...(patterns.get(offer) ?? []), ...spelled]);
    }
    return [...patterns].map(([offer, each]) => `    ${each.join('|')}) ${offer}; return ;;`);
  });
  const commandCases = commands.map(({ names: own, flags, operands }) => {
    const words = flags.flatMap((flag) => flag.names).join(' ');
    return `    ${own.join('|')}) flags='${words}'; operands() { ${bashOffer(operands)}; } ;;`;
  });
  const first = [...names, ...outline.flags.flatMap((flag) => flag.names)].join(' ');
  return `# Completion of zscale for bash. In ~/.bashrc: source <(zscale completion bash)
_zscale_services() {
  local socket
  ${LIST_SERVICES}
}
_zscale_words() { COMPREPLY=($(compgen -W "$1" -- "$current")); }
_zscale_files() {
  local IFS=$'\\n'
  compopt -o filenames 2> /dev/null
  COMPREPLY+=($(compgen -f -- "$current"))
}
_zscale() {
  local current=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD-1]} command=${byDefault} flags= i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == -- ]]; then _zscale_files; return; fi
  done
  if ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in
      ${names.join('|')}) command=\${COMP_WORDS[1]} ;;
    esac
    if [[ $current == = ]]; then
      current=
    elif [[ $flag == = ]]; then
      flag=\${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $command:$flag in
${flagCases.map((line) => `  ${line}`).join('\n')}
    esac
  fi
  local operands
  case $command in
${commandCases.join('\n')}
  esac
  if ((COMP_CWORD == 1)); then
    _zscale_words "${first} $([[ $current == -* ]] && echo "$flags")"
    [[ $current == -* ]] || _zscale_files
  elif [[ $current == -* ]]; then
    _zscale_words "$flags"
  else
    operands
  fi
  unset -f operands
}
complete -F _zscale zscale
`;
}

function bashOffer(values: Values): string {
  if (values === 'files') return '_zscale_files';
  if (values === 'services') return '_zscale_words "$(_zscale_services)"';
  if (values === 'unknown') return ':';
  return `_zscale_words '${values.join(' ')}'`;
}

function zshScript({ flags, commands, byDefault }: ProgramOutline): string {
  const described = commands.flatMap(({ names, summary }) =>
    names.map((name) => `    ${zshQuoted(`${name}:${summary.replaceAll(':', '\\:')}`)}`),
  );
  const cases = commands.map(({ names, flags: own, operands }) => {
    const specs = own.map((flag) => `        ${zshFlag(flag)}`);
    if (operands !== 'unknown') specs.push(`        '*:argument:${zshAction(operands)}'`);
    return `    ${names.join('|')})\n      _arguments -S : \\\n${specs.join(' \\\n')}\n      ;;`;
  });
  return `#compdef zscale
# Completion of zscale for zsh. In ~/.zshrc, after compinit: source <(zscale completion zsh)
_zscale_services() {
  local -a services
  services=(\${(f)"$(_zscale_list)"})
  compadd -a services
}
_zscale_list() {
  setopt local_options null_glob
  local socket
  ${LIST_SERVICES}
}
_zscale() {
  local -a commands
  commands=(
${described.join('\n')}
  )
  local command=${byDefault}
  if (( CURRENT == 2 )); then
    if [[ $PREFIX != -* ]]; then
      _describe -t commands command commands
      _files
      return
    fi
    _arguments -S : \\
${flags.map((flag) => `      ${zshFlag(flag)}`).join(' \\\n')}
  elif (( \${+commands[(r)\${words[2]}:*]} )); then
    command=\${words[2]}
    shift words
    (( CURRENT -= 1 ))
  fi
  case $command in
${cases.join('\n')}
  esac
}
compdef _zscale zscale
`;
}

function zshFlag({ names, description, values }: FlagOutline): string {
  const text = description.replace(/[[\]:\\]/g, '\\$&');
  return names
    .map((name) => {
      const joint = values === undefined ? '' : name.startsWith('--') ? '=' : '+';
      const value = values === undefined ? '' : `:value:${zshAction(values)}`;
      return zshQuoted(`*${name}${joint}[${text}]${value}`);
    })
    .join(' ');
}

function zshAction(values: Values): string {
  if (values === 'files') return '_files';
  if (values === 'services') return '_zscale_services';
  return values === 'unknown' ? ' ' : `(${values.join(' ')})`;
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fishScript({ flags, commands, byDefault }: ProgramOutline): string {
  const names = commands.flatMap((command) => command.names);
  const lines = [
    ...flags.map((flag) => fishFlag('__zscale_is_first', flag)),
    ...commands.flatMap((command) =>
      command.names.map(
        (name) =>
          `complete -c zscale -n __zscale_is_first -a ${name} -d ${fishQuoted(command.summary)}`,
      ),
    ),
    'complete -c zscale -n __zscale_is_first -F',
    ...commands.flatMap((command) => {
      const condition = `__zscale_is ${command.names.join(' ')}`;
      const operands = fishValues(command.operands);
      return [
        ...command.flags.map((flag) => fishFlag(condition, flag)),
        ...(operands === '' ? [] : [`complete -c zscale -n ${fishQuoted(condition)} ${operands}`]),
      ];
    }),
  ];
  return `# Completion of zscale for fish. zscale completion fish > ~/.config/fish/completions/zscale.fish
function __zscale_services
  sh -c ${fishQuoted(LIST_SERVICES)}
end
function __zscale_is_first
  test (count (commandline -opc)) -eq 1
end
function __zscale_is
  set -l words (commandline -opc)
  set -l command ${byDefault}
  if test (count $words) -gt 1; and contains -- $words[2] ${names.join(' ')}
    set command $words[2]
  end
  contains -- $command $argv
end
complete -c zscale -f
${lines.join('\n')}
`;
}

function fishFlag(condition: string, { names, description, values }: FlagOutline): string {
  const spelled = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const value = values === undefined ? '' : ` -r ${fishValues(values)}`;
  return `complete -c zscale -n ${fishQuoted(condition)} ${spelled.join(' ')}${value.trimEnd()} -d ${fishQuoted(description)}`;
}

function fishValues(values: Values): string {
  if (values === 'files') return '-F';
  if (values === 'services') return "-f -a '(__zscale_services)'";
  return values === 'unknown' ? '' : `-f -a '${values.join(' ')}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
