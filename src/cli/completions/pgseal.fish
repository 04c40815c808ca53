# Completion of pgseal for fish: the program itself names the candidates.
function __pgseal_complete
    set --local before (commandline --tokenize --cut-at-cursor --current-process)
    set --local word (commandline --cut-at-cursor --current-token)
    $before[1] complete (count $before) $before $word 2>/dev/null
end
complete --command pgseal --no-files --arguments '(__pgseal_complete)'
