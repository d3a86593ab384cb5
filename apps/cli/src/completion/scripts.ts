/** Completion scripts: bash, zsh and fish in their own words. None of them runs `fuseboard`, so a key costs nothing. */
import type { CommandWords, OptionWords } from './words.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, words: readonly CommandWords[]): string {
  return SCRIPTS[shell](words);
}

const SCRIPTS: Readonly<Record<Shell, (words: readonly CommandWords[]) => string>> = { bash, zsh, fish };

/** Everything in one quoted word of any of the three shells. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** As a `case` of bash and zsh: where the command stands, by the words before. */
function walk(words: readonly CommandWords[], { at, index, from, to }: { at: string; index: string; from: string; to: string }): string {
  const paths = words.filter(({ path }) => path !== '').map(({ path }) => quoted(path.includes(' ') ? path : ` ${path}`));
  const valued = words.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags));
  return `  for ((${index} = ${from}; ${index} < ${to}; ${index}++)); do
    case "\${words[${index}]}" in
      ${[...new Set(valued)].join('|')}) ((${index}++)) ;;
      -*) ;;
      *) case "$${at} \${words[${index}]}" in ${paths.join('|')}) ${at}="\${${at}:+$${at} }\${words[${index}]}" ;; esac ;;
    esac
  done`;
}

/** `PATH FLAG` -> what it may be, for the options whose values are known. */
function choices(words: readonly CommandWords[], then: (option: OptionWords) => string): string {
  const cases = words.flatMap(({ path, options }) => options.filter((option) => option.choices.length > 0).map((option) => `    ${option.flags.map((flag) => quoted(`${path} ${flag}`)).join('|')}) ${then(option)} ;;`));
  return cases.join('\n');
}

/** `PATH FLAG` of the options whose values are anything. */
function open(words: readonly CommandWords[], then: string): string {
  const flags = words.flatMap(({ path, options }) => options.filter((option) => option.takesValue && option.choices.length === 0).flatMap((option) => option.flags.map((flag) => quoted(`${path} ${flag}`))));
  return `    ${flags.join('|')}) ${then} ;;`;
}

function flagsOf({ options }: CommandWords): string {
  return options.flatMap(({ flags }) => flags).join(' ');
}

function bash(words: readonly CommandWords[]): string {
  const named = words.filter(({ commands }) => commands.length > 0);
  return `# fuseboard: completion for bash. In ~/.bashrc: source <(fuseboard completion bash)
_fuseboard() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at='' found='' n
  local -a words=("\${COMP_WORDS[@]}")
  COMPREPLY=()
${walk(words, { at: 'at', index: 'n', from: '1', to: 'COMP_CWORD' })}
  case "$at $before" in
${choices(words, (option) => `COMPREPLY=($(compgen -W ${quoted(option.choices.join(' '))} -- "$current")); return`)}
${open(words, 'return')}
  esac
  if [[ $current == -* ]]; then
    case "$at" in
${words.map((each) => `      ${quoted(each.path)}) found=${quoted(flagsOf(each))} ;;`).join('\n')}
    esac
  else
    case "$at" in
${named.map((each) => `      ${quoted(each.path)}) found=${quoted(each.commands.map(({ name }) => name).join(' '))} ;;`).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$found" -- "$current"))
}
# Where nothing of it fits: files.
complete -o default -F _fuseboard fuseboard
`;
}

function zsh(words: readonly CommandWords[]): string {
  const described = (name: string, description: string): string => quoted(`${name.replaceAll(':', '\\:')}:${description}`);
  const flags = ({ options }: CommandWords): string => options.flatMap((option) => option.flags.map((flag) => described(flag, option.description))).join(' ');
  const named = words.filter(({ commands }) => commands.length > 0);
  return `#compdef fuseboard
# fuseboard: completion for zsh. In ~/.zshrc, behind compinit: source <(fuseboard completion zsh)
_fuseboard() {
  local current="\${words[CURRENT]}" before="\${words[CURRENT-1]}" at='' n
  local -a found
${walk(words, { at: 'at', index: 'n', from: '2', to: 'CURRENT' })}
  case "$at $before" in
${choices(words, (option) => `compadd -- ${option.choices.join(' ')}; return`)}
${open(words, '_files; return')}
  esac
  if [[ $current == -* ]]; then
    case "$at" in
${words.map((each) => `      ${quoted(each.path)}) found=(${flags(each)}) ;;`).join('\n')}
    esac
    _describe -o option found
    return
  fi
  case "$at" in
${named.map((each) => `    ${quoted(each.path)}) found=(${each.commands.map(({ name, description }) => described(name, description)).join(' ')}); _describe command found ;;`).join('\n')}
    *) _files ;;
  esac
}
if [[ "\${funcstack[1]}" == _fuseboard ]]; then _fuseboard "$@"; else compdef _fuseboard fuseboard; fi
`;
}

function fish(words: readonly CommandWords[]): string {
  const lines = words.flatMap((each) => [...each.commands.map((command) => fishCommand(each.path, command)), ...each.options.map((option) => fishOption(each.path, option))]);
  return `# fuseboard: completion for fish. Once: fuseboard completion fish > ~/.config/fish/completions/fuseboard.fish
function __fuseboard_at
    # Which command the words before the cursor name.
    set -l at
    set -l skip 0
    for word in (commandline -opc)[2..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ${[...new Set(words.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue).flatMap(({ flags }) => flags)))].join(' ')}
                set skip 1
            case '-*'
            case '*'
                contains -- (string join ' ' $at $word) ${words.filter(({ path }) => path !== '').map(({ path }) => quoted(path)).join(' ')}; and set -a at $word
        end
    end
    test "$at" = "$argv[1]"
end
complete -c fuseboard -f -n '__fuseboard_at ""'
${lines.join('\n')}
`;
}

function fishCommand(path: string, { name, description }: { name: string; description: string }): string {
  return `complete -c fuseboard -n ${fishCondition(path)} -f -a ${quoted(name)} -d ${fishText(description)}`;
}

function fishOption(path: string, { flags, description, takesValue, choices: values }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
  const value = values.length > 0 ? ` -x -a ${quoted(values.join(' '))}` : takesValue ? ' -r' : '';
  return `complete -c fuseboard -n ${fishCondition(path)} ${names}${value} -d ${fishText(description)}`;
}

function fishCondition(path: string): string {
  return `'__fuseboard_at "${path}"'`;
}

/** Within single quotes fish knows its own two escapes. */
function fishText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
