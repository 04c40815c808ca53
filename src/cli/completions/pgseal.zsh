#compdef pgseal
# Completion of pgseal for zsh: the program itself names the candidates.
_pgseal() {
    local -a found
    found=("${(@f)$("${words[1]}" complete $((CURRENT - 1)) "${words[@]}" 2>/dev/null)}")
    compadd -S '' -- ${(M)found:#*/}
    compadd -- ${found:#*/}
}
compdef _pgseal pgseal
