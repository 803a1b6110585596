
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'ots' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'ots'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'ots' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Store a secret and print its link')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print a secret and destroy it')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say whether a secret is still unread')
            [CompletionResult]::new('burn', 'burn', [CompletionResultType]::ParameterValue, 'Destroy a secret unread')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run the server')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Exit with 0 if the server does its work, else with 1')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print shell completions')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the man pages into a directory')
            break
        }
        'ots;put' {
            [CompletionResult]::new('-t', '-t', [CompletionResultType]::ParameterName, 'How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server''s, 24h]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'How long it can wait to be read: 90 (seconds), 15m, 24h, 7d [default: the server''s, 24h]')
            [CompletionResult]::new('-e', '-e', [CompletionResultType]::ParameterName, 'Encrypt end to end: the server never has the key. `--encrypt=false` when the configuration says otherwise')
            [CompletionResult]::new('--encrypt', '--encrypt', [CompletionResultType]::ParameterName, 'Encrypt end to end: the server never has the key. `--encrypt=false` when the configuration says otherwise')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'Read the passphrase from a file; one newline at its end is dropped')
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'The file name to give the reader, sealed with an encrypted secret [default: that of FILE]')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'Write the key to a new file (mode 0600) and leave it out of the link, so that they can go separate ways')
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Make N links to N copies, one a reader')
            [CompletionResult]::new('--copies', '--copies', [CompletionResultType]::ParameterName, 'Make N links to N copies, one a reader')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Ask for a passphrase (or set `OTS_PASSPHRASE`)')
            [CompletionResult]::new('--passphrase', '--passphrase', [CompletionResultType]::ParameterName, 'Ask for a passphrase (or set `OTS_PASSPHRASE`)')
            [CompletionResult]::new('--token', '--token', [CompletionResultType]::ParameterName, 'Print the bare token in place of the link')
            [CompletionResult]::new('--trim-newline', '--trim-newline', [CompletionResultType]::ParameterName, 'Drop one newline at the end, as `echo` adds')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;get' {
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write to a new file (mode 0600); `-` is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write to a new file (mode 0600); `-` is stdout')
            [CompletionResult]::new('--key-file', '--key-file', [CompletionResultType]::ParameterName, 'Read the key from a file, for a link that came without one')
            [CompletionResult]::new('--passphrase-file', '--passphrase-file', [CompletionResultType]::ParameterName, 'Read the passphrase from a file; one newline at its end is dropped')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('-O', '-O ', [CompletionResultType]::ParameterName, 'Write to a new file here, named as the sender named it')
            [CompletionResult]::new('--remote-name', '--remote-name', [CompletionResultType]::ParameterName, 'Write to a new file here, named as the sender named it')
            [CompletionResult]::new('-f', '-f', [CompletionResultType]::ParameterName, 'Replace the file if there is one')
            [CompletionResult]::new('--force', '--force', [CompletionResultType]::ParameterName, 'Replace the file if there is one')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Ask for a passphrase (or set `OTS_PASSPHRASE`)')
            [CompletionResult]::new('--passphrase', '--passphrase', [CompletionResultType]::ParameterName, 'Ask for a passphrase (or set `OTS_PASSPHRASE`)')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;status' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Return when it has been read')
            [CompletionResult]::new('--wait', '--wait', [CompletionResultType]::ParameterName, 'Return when it has been read')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;burn' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;serve' {
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'The address and port to listen on')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'The address and port to listen on')
            [CompletionResult]::new('--data-dir', '--data-dir', [CompletionResultType]::ParameterName, 'Where to keep the database and the key [default: the platform''s data directory]')
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'The database: sqlite:FILE [default: sqlite:ots.db in the data directory]')
            [CompletionResult]::new('--secret-key-file', '--secret-key-file', [CompletionResultType]::ParameterName, 'Read the secret key from a file')
            [CompletionResult]::new('--old-key-file', '--old-key-file', [CompletionResultType]::ParameterName, 'Read an old key from a file, whole; can be given several times')
            [CompletionResult]::new('--public-url', '--public-url', [CompletionResultType]::ParameterName, 'The root that links start with, as people reach it')
            [CompletionResult]::new('--max-size', '--max-size', [CompletionResultType]::ParameterName, 'The largest secret, up to 100MiB')
            [CompletionResult]::new('--default-ttl', '--default-ttl', [CompletionResultType]::ParameterName, 'How long a secret is kept when nobody says')
            [CompletionResult]::new('--max-ttl', '--max-ttl', [CompletionResultType]::ParameterName, 'How long a secret can be kept')
            [CompletionResult]::new('--claim-lease', '--claim-lease', [CompletionResultType]::ParameterName, 'How long a reader may ask again for what it is reading, at most 10m')
            [CompletionResult]::new('--cleanup-interval', '--cleanup-interval', [CompletionResultType]::ParameterName, 'How often expired secrets are removed, at most 30s')
            [CompletionResult]::new('--clock-grace', '--clock-grace', [CompletionResultType]::ParameterName, 'How long a clock that is far ahead has to be so before anything is removed for having expired')
            [CompletionResult]::new('--client-timeout', '--client-timeout', [CompletionResultType]::ParameterName, 'How long a client may be silent before it is cut off')
            [CompletionResult]::new('--max-connections', '--max-connections', [CompletionResultType]::ParameterName, 'Connections at once')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'How to write the log')
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--no-create-page', '--no-create-page', [CompletionResultType]::ParameterName, 'Have no page to share from: links still open in a browser')
            [CompletionResult]::new('--allow-unreadable', '--allow-unreadable', [CompletionResultType]::ParameterName, 'Start though there are secrets that none of the keys opens; they stay as they are')
            [CompletionResult]::new('--dev', '--dev', [CompletionResultType]::ParameterName, 'For development: a fixed key, data in ./storage/db, this machine only')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;health' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;completions' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'ots;man' {
            [CompletionResult]::new('-s', '-s', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'The server; a full link brings its own')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read this configuration file instead of the usual one')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for the server')
            [CompletionResult]::new('--ca-cert', '--ca-cert', [CompletionResultType]::ParameterName, 'Trust the certificates in this PEM file as well')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'When to colour what goes to stderr')
            [CompletionResult]::new('--allow-http', '--allow-http', [CompletionResultType]::ParameterName, 'Allow plain http to a host that isn''t this machine')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Say nothing but errors')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Say more: the causes of errors; for the server, a line a request')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Answer in JSON, errors too')
            [CompletionResult]::new('--no-input', '--no-input', [CompletionResultType]::ParameterName, 'Never ask: fail where a question would be needed')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
