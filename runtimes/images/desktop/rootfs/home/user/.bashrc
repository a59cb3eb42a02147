PS1='\[\e[1;36m\]\w\[\e[0m\] \$ '
alias ls='ls --color=auto' ll='ls -l' grep='grep --color=auto'
HISTCONTROL=ignoreboth
