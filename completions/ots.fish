# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_ots_global_optspecs
    string join \n s/server= config= timeout= ca-cert= allow-http q/quiet v/verbose color= json no-input h/help V/version
end

function __fish_ots_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_ots_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_ots_using_subcommand
    set -l cmd (__fish_ots_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c ots -n "__fish_ots_needs_command" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_needs_command" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_needs_command" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_needs_command" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_needs_command" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_needs_command" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_needs_command" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_needs_command" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_needs_command" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_needs_command" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_needs_command" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_needs_command" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_needs_command" -f -a "put" -d 'Store a secret and print its link'
complete -c ots -n "__fish_ots_needs_command" -f -a "get" -d 'Print a secret and destroy it'
complete -c ots -n "__fish_ots_needs_command" -f -a "status" -d 'Say whether a secret is still unread, or what became of it'
complete -c ots -n "__fish_ots_needs_command" -f -a "burn" -d 'Destroy a secret unread'
complete -c ots -n "__fish_ots_needs_command" -f -a "request" -d 'Ask somebody for a secret: print the link to give away'
complete -c ots -n "__fish_ots_needs_command" -f -a "generate" -d 'Print a password or a passphrase'
complete -c ots -n "__fish_ots_needs_command" -f -a "serve" -d 'Run the server'
complete -c ots -n "__fish_ots_needs_command" -f -a "health" -d 'Exit with 0 if the server does its work, else with 1'
complete -c ots -n "__fish_ots_needs_command" -f -a "keygen" -d 'Make a key for `serve --create-keys`'
complete -c ots -n "__fish_ots_needs_command" -f -a "admin" -d 'Look after a server, on its own host'
complete -c ots -n "__fish_ots_needs_command" -f -a "completions" -d 'Print shell completions'
complete -c ots -n "__fish_ots_using_subcommand put" -l to -d 'Answer a request, sealed for whoever asked' -r -f
complete -c ots -n "__fish_ots_using_subcommand put" -l generate -d 'Store a new password (20 letters and digits) or, with `--generate=passphrase`, a passphrase (6 words); `password:N` and `passphrase:N` have N. It is printed on the line after the links' -r
complete -c ots -n "__fish_ots_using_subcommand put" -s t -l ttl -d 'How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server\'s, 24h]' -r
complete -c ots -n "__fish_ots_using_subcommand put" -s e -l encrypt -d 'Encrypt end to end: the server never has the key. `--encrypt=false` when the configuration says otherwise' -r -f -a "true\t''
false\t''"
complete -c ots -n "__fish_ots_using_subcommand put" -l passphrase-file -d 'Read the passphrase from a file; one newline at its end is dropped' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l api-key-file -d 'The key to create with (or set `OTS_API_KEY`)' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l name -d 'The file name to give the reader, sealed with an encrypted secret [default: that of FILE]' -r -f
complete -c ots -n "__fish_ots_using_subcommand put" -l key-file -d 'Write the key to a new file (mode 0600), so that it and the link, which then ends in #, can go separate ways' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l receipt -d 'Keep its receipt in a new file (mode 0600), with copies a link to all too; `-` is stderr' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l notify -d 'Have the webhook NAME told what becomes of it' -r
complete -c ots -n "__fish_ots_using_subcommand put" -s n -l copies -d 'Make N links to N copies, one a reader' -r
complete -c ots -n "__fish_ots_using_subcommand put" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand put" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand put" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand put" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand put" -s p -l passphrase -d 'Ask for a passphrase (or set `OTS_PASSPHRASE`)'
complete -c ots -n "__fish_ots_using_subcommand put" -l token -d 'Print the bare token in place of the link'
complete -c ots -n "__fish_ots_using_subcommand put" -l qr -d 'Show the link as a QR code, too, on stderr: with its key, unless that goes to --key-file'
complete -c ots -n "__fish_ots_using_subcommand put" -l copy -d 'Put the link on the clipboard as well, by the desktop\'s tool or the terminal (OSC 52)'
complete -c ots -n "__fish_ots_using_subcommand put" -l trim-newline -d 'Drop one newline at the end, as `echo` adds'
complete -c ots -n "__fish_ots_using_subcommand put" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand put" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand put" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand put" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand put" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand put" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand put" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand get" -s o -l output -d 'Write to a new file (mode 0600); `-` is stdout' -r -F
complete -c ots -n "__fish_ots_using_subcommand get" -l key-file -d 'Read the key from a file, for a link that came without one' -r -F
complete -c ots -n "__fish_ots_using_subcommand get" -l passphrase-file -d 'Read the passphrase from a file; one newline at its end is dropped' -r -F
complete -c ots -n "__fish_ots_using_subcommand get" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand get" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand get" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand get" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand get" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand get" -s O -l remote-name -d 'Write to a new file here, named as the sender named it'
complete -c ots -n "__fish_ots_using_subcommand get" -s f -l force -d 'Replace the file if there is one; of a symbolic link, the link, not what it leads to'
complete -c ots -n "__fish_ots_using_subcommand get" -s w -l wait -d 'Of a request: wait until it is answered'
complete -c ots -n "__fish_ots_using_subcommand get" -s p -l passphrase -d 'Ask for a passphrase (or set `OTS_PASSPHRASE`)'
complete -c ots -n "__fish_ots_using_subcommand get" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand get" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand get" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand get" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand get" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand get" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand get" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand status" -s w -l wait -d 'Return when a reader has asked for it; of a receipt, when its secret has ended, or with `=claimed` or `=delivered` has come to that: 0 then' -r -f -a "ended\t'Whatever becomes of it'
claimed\t'A reader asked for it'
delivered\t'A reader said that it has arrived'"
complete -c ots -n "__fish_ots_using_subcommand status" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand status" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand status" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand status" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand status" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand status" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand status" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand status" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand status" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand status" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand status" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand status" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand burn" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand burn" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand burn" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand burn" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand burn" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand burn" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand burn" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand burn" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand burn" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand burn" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand burn" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand burn" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand request" -s l -l label -d 'Say what is asked for: one line, which whoever has the link sees, and the server doesn\'t' -r
complete -c ots -n "__fish_ots_using_subcommand request" -s t -l ttl -d 'How long it can be answered, and from then on collected: 90 (seconds), 15m, 24h, 7d [default: the server\'s, 24h]' -r
complete -c ots -n "__fish_ots_using_subcommand request" -l max-size -d 'The largest answer that is taken, as it is sent: encrypted and padded [default: the server\'s]' -r
complete -c ots -n "__fish_ots_using_subcommand request" -l notify -d 'Have the server\'s webhook NAME told what becomes of it, and of the answer' -r
complete -c ots -n "__fish_ots_using_subcommand request" -l passphrase-file -d 'Read the passphrase from a file; one newline at its end is dropped' -r -F
complete -c ots -n "__fish_ots_using_subcommand request" -l api-key-file -d 'The key to create with (or set `OTS_API_KEY`)' -r -F
complete -c ots -n "__fish_ots_using_subcommand request" -s o -l output -d 'The new file (mode 0600) for what collects the answer; `-` is stdout, after the link [default: request-XXXXXXXX.ots here]' -r -F
complete -c ots -n "__fish_ots_using_subcommand request" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand request" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand request" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand request" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand request" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand request" -s p -l passphrase -d 'Ask for a passphrase (or set `OTS_PASSPHRASE`)'
complete -c ots -n "__fish_ots_using_subcommand request" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand request" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand request" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand request" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand request" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand request" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand request" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand generate" -s l -l length -d 'So many characters, 12 to 128' -r
complete -c ots -n "__fish_ots_using_subcommand generate" -s w -l words -d 'A passphrase of so many words, 5 to 24, from EFF\'s long list' -r
complete -c ots -n "__fish_ots_using_subcommand generate" -l separator -d 'What stands between the words: a space, or one of . , _ and the like' -r
complete -c ots -n "__fish_ots_using_subcommand generate" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand generate" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand generate" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand generate" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand generate" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand generate" -l symbols -d 'With symbols, too: at least one of ! # % * + - = ? @ _'
complete -c ots -n "__fish_ots_using_subcommand generate" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand generate" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand generate" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand generate" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand generate" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand generate" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand generate" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand serve" -s l -l listen -d 'Where to listen, several times too: HOST:PORT, unix:PATH, or fd: for systemd\'s sockets' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l socket-mode -d 'Who may connect to unix:PATH, in octal' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l tls-cert -d 'Serve https, with the certificate in this PEM file' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l tls-key -d 'And its private key, in PEM' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l acme -d 'Serve https, with a certificate for these names that it orders itself' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l acme-contact -d 'Whom the authority that issues it may write to' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l acme-directory -d 'That authority, by its ACME directory' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand serve" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l database-connections -d 'Connections to a PostgreSQL at once [default: 16]' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l public-url -d 'The root that links start with, as people reach it' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l max-size -d 'The largest secret, up to 100MiB' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l default-ttl -d 'How long one is kept when nobody says [default: 24h, or --max-ttl]' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l max-ttl -d 'How long a secret can be kept' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l claim-lease -d 'How long a reader may ask again for what it is reading, at most 10m' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l receipt-retention -d 'How long a receipt outlives its secret' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l cleanup-interval -d 'How often expired secrets are removed, at most 30s' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l clock-grace -d 'How long a clock that is far ahead isn\'t believed' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l client-timeout -d 'How long a client may be silent before it is cut off' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l max-connections -d 'Connections at once' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l log-format -d 'How to write the log' -r -f -a "text\t''
json\t''"
complete -c ots -n "__fish_ots_using_subcommand serve" -l create-keys -d 'Take secrets only with a key of these (ots keygen)' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l user-header -d 'Take secrets from those whom a trusted proxy names in this header' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l trusted-proxy -d 'Proxies whose word on the client counts: addresses, networks, unix' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l rate-limit -d 'What one address may do, as creates=60/m,misses=60/m; or off' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l allowed-host -d 'Names to answer to besides the one of --public-url' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l cors-origin -d 'Websites whose pages may use the API, by their origins' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l quota-secrets -d 'Secrets that are kept at once' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l quota-bytes -d 'Bytes of secrets that are kept at once' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l quota-secrets-each -d 'Secrets of one key, user or address at once' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l quota-bytes-each -d 'Bytes of secrets of one key, user or address' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l metrics-listen -d 'Show numbers at /metrics, on their own address' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l audit -d 'Write what becomes of secrets: FILE, -, syslog' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l webhook -d 'Send what becomes of secrets to a URL, signed; to one with a NAME, of those whose sender picks it. A URL that is itself secret is safer in `OTS_WEBHOOK`' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l webhook-allow -d 'Networks of webhooks that aren\'t public' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l title -d 'The server\'s name, at the top of each page' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l notice -d 'A line on each page' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l contact -d 'Whom to ask: a mail address, or a page\'s URL' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l imprint-url -d 'The page that says who runs this server' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l privacy-url -d 'The page that says what becomes of people\'s data' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l logo -d 'A picture atop each page: PNG, JPEG, WebP or SVG' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l accent -d 'The colour of buttons and links, as #2f4ac0' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand serve" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand serve" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand serve" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand serve" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand serve" -l require-synchronous -d 'Take secrets only while a PostgreSQL has each on two machines'
complete -c ots -n "__fish_ots_using_subcommand serve" -l no-create-page -d 'Have no page to share from: links still open in a browser'
complete -c ots -n "__fish_ots_using_subcommand serve" -l allow-unreadable -d 'Start though no key opens some of the secrets; they stay as they are'
complete -c ots -n "__fish_ots_using_subcommand serve" -l no-create -d 'Take no secrets: only hand out those that are there'
complete -c ots -n "__fish_ots_using_subcommand serve" -l audit-addresses -d 'And the addresses of those who asked'
complete -c ots -n "__fish_ots_using_subcommand serve" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand serve" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand serve" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand serve" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand serve" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand serve" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand serve" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand health" -s l -l listen -d 'Where the server on this machine listens, as it was told itself; for when no --server is given' -r
complete -c ots -n "__fish_ots_using_subcommand health" -l tls-cert -d 'The certificate that it serves with: it is asked by https, and on a loopback address may show any' -r -F
complete -c ots -n "__fish_ots_using_subcommand health" -l acme -d 'The names that it orders a certificate for: the same' -r
complete -c ots -n "__fish_ots_using_subcommand health" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand health" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand health" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand health" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand health" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand health" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand health" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand health" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand health" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand health" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand health" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand health" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand keygen" -s f -l file -d 'Add the key\'s line to this file, which is made (mode 0600) if it isn\'t there' -r -F
complete -c ots -n "__fish_ots_using_subcommand keygen" -l expires -d 'Until when it is good: a duration from now (90d), a date, or a time as 2027-01-31T12:00:00Z' -r
complete -c ots -n "__fish_ots_using_subcommand keygen" -l ttl-max -d 'How long what is created with it can be kept, at most' -r
complete -c ots -n "__fish_ots_using_subcommand keygen" -l size-max -d 'The largest secret that can be created with it' -r
complete -c ots -n "__fish_ots_using_subcommand keygen" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand keygen" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand keygen" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand keygen" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand keygen" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand keygen" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand keygen" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand keygen" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand keygen" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand keygen" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand keygen" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand keygen" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "stats" -d 'Say how much the server keeps'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "sweep" -d 'Remove what has expired, now'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "keys" -d 'Say which keys are still needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "check" -d 'Check that the database is whole'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "webhooks" -d 'Say how webhooks get on, and what their messages are signed with'
complete -c ots -n "__fish_ots_using_subcommand admin; and not __fish_seen_subcommand_from stats sweep keys check webhooks migrate" -f -a "migrate" -d 'Move a host\'s secrets into a PostgreSQL'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from stats" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from sweep" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from keys" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l data-dir -d 'Where to keep the database and the key [default: the platform\'s data directory]' -r -f -a "(__fish_complete_directories)"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l database -d 'The database: sqlite:FILE or postgres://USER@HOST/DATABASE [default: sqlite:ots.db in the data directory]' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l database-password-file -d 'Read the password of a PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l secret-key-file -d 'Read the secret key from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l old-key-file -d 'Read an old key from a file, whole; can be given several times' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l webhook -d 'The server\'s webhooks, where it can\'t be asked' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l dev -d 'For development: a fixed key, data in ./storage/db, this machine only'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from webhooks" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l database-password-file -d 'Read the password of the PostgreSQL from a file' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand admin; and __fish_seen_subcommand_from migrate" -s V -l version -d 'Print version'
complete -c ots -n "__fish_ots_using_subcommand completions" -s s -l server -d 'The server; a full link brings its own' -r -f
complete -c ots -n "__fish_ots_using_subcommand completions" -l config -d 'Read this configuration file instead of the usual one' -r -F
complete -c ots -n "__fish_ots_using_subcommand completions" -l timeout -d 'How long to wait for the server' -r
complete -c ots -n "__fish_ots_using_subcommand completions" -l ca-cert -d 'Trust the certificates in this PEM file as well' -r -F
complete -c ots -n "__fish_ots_using_subcommand completions" -l color -d 'When to colour what goes to stderr' -r -f -a "auto\t''
always\t''
never\t''"
complete -c ots -n "__fish_ots_using_subcommand completions" -s h -l help -d 'Print help'
complete -c ots -n "__fish_ots_using_subcommand completions" -l allow-http -d 'Allow plain http to a host that isn\'t this machine'
complete -c ots -n "__fish_ots_using_subcommand completions" -s q -l quiet -d 'Say nothing but errors'
complete -c ots -n "__fish_ots_using_subcommand completions" -s v -l verbose -d 'Say more: the causes of errors; for the server, a line a request'
complete -c ots -n "__fish_ots_using_subcommand completions" -l json -d 'Answer in JSON, errors too'
complete -c ots -n "__fish_ots_using_subcommand completions" -l no-input -d 'Never ask: fail where a question would be needed'
complete -c ots -n "__fish_ots_using_subcommand completions" -s V -l version -d 'Print version'
