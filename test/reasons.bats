#!/usr/bin/env bats
# Which of the lines that a program printed says why it ended; and which port it could not have.

load helpers

# found MODULE TEXT - what that module finds in the text, which has its \n as in printf %b, is in $output
found() {
	run env PYTHONPATH="$ROOT/pyhelpers" "$(python)" -s -m "base.$1" < <(printf '%b\n' "$2")
}

# assert_found MODULE NAME TEXT WANTED
assert_found() {
	found "$1" "$3"
	assert_equal "$2" "$output" "$4"
}

# --- the table: NAME|what it printed, \n between the lines|the reason; all of it is from real programs

@test "a table of what programs print, and the line that says why" {
	local name text wanted count=0
	while IFS='|' read -r name text wanted; do
		assert_found reasons "$name" "$text" "$wanted"
		count=$((count + 1))
	done <<-'END'
		nginx|2026/11/26 23:14:24 [emerg] 12#12: unknown directive "lisen" in /etc/n.conf:1|[emerg] unknown directive "lisen" in /etc/n.conf:1
		nginx's end|nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\nnginx: [emerg] still could not bind()|nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)
		redis|\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 1\n>>> 'prot 6379'\nBad directive or wrong number of arguments|'prot 6379': Bad directive or wrong number of arguments
		redis's port|1:C 26 Nov 2026 23:14:27.131 # Configuration loaded\n1:M 26 Nov 2026 23:14:27.131 # Warning: Could not create server TCP listening socket 127.0.0.1:6379: bind: Address already in use\n1:M 26 Nov 2026 23:14:27.131 # Failed listening on port 6379 (TCP), aborting.|Warning: Could not create server TCP listening socket 127.0.0.1:6379: bind: Address already in use
		PostgreSQL|2026-11-26 23:14:38.904 GMT [15] LOG:  syntax error in file "/d/postgresql.conf" line 816, near token "="\n2026-11-26 23:14:38.905 GMT [15] FATAL:  configuration file "/d/postgresql.conf" contains errors|LOG: syntax error in file "/d/postgresql.conf" line 816, near token "="
		PostgreSQL's port|2026-11-26 23:14:38.770 UTC [15] LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\n2026-11-26 23:14:38.770 UTC [15] HINT:  Is another postmaster already running on port 5432? If not, wait a few seconds and retry.\n2026-11-26 23:14:38.770 UTC [15] FATAL:  could not create any TCP/IP sockets\n2026-11-26 23:14:38.776 UTC [15] LOG:  database system is shut down|LOG: could not bind IPv4 address "127.0.0.1": Address already in use
		PostgreSQL as root|"root" execution of the PostgreSQL server is not permitted.\nThe server must be started under an unprivileged user ID to prevent\npossible system security compromise.  See the documentation for\nmore information on how to properly start the server.|"root" execution of the PostgreSQL server is not permitted.
		PostgreSQL's rights|2026-11-26 23:14:38.929 GMT [15] FATAL:  data directory "/d" has invalid permissions\n2026-11-26 23:14:38.929 GMT [15] DETAIL:  Permissions should be u=rwx (0700).|FATAL: data directory "/d" has invalid permissions
		MariaDB|2026-11-26 23:14:39 0 [ERROR] Could not open mysql.plugin table\n2026-11-26 23:14:39 0 [ERROR] mariadbd: unknown variable 'nosuch=1'\n2026-11-26 23:14:39 0 [ERROR] Aborting|[ERROR] mariadbd: unknown variable 'nosuch=1'
		haproxy|[ALERT]    (14) : config : parsing [h2.cfg:7] : unknown keyword 'bnid' in 'frontend' section\n[ALERT]    (14) : config : Error(s) found in configuration file : h2.cfg\n[ALERT]    (14) : config : Fatal errors found in configuration.|[ALERT] (14) : config : parsing [h2.cfg:7] : unknown keyword 'bnid' in 'frontend' section
		apache|AH00526: Syntax error on line 1 of /etc/a2.conf:\nInvalid command 'Lisen', perhaps misspelled|AH00526: Syntax error on line 1 of /etc/a2.conf: Invalid command 'Lisen', perhaps misspelled
		apache's port|(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:80\nno listening sockets available, shutting down\nAH00015: Unable to open logs|(98)Address already in use: AH00072: make_sock: could not bind to address 0.0.0.0:80
		gunicorn|Traceback (most recent call last):\n  File "/srv/synt.py", line 1\n    def app(\n           ^\nSyntaxError: '(' was never closed\n[2026-11-26 23:14:27 +0000] [12] [INFO] Shutting down: Master\n[2026-11-26 23:14:27 +0000] [12] [INFO] Reason: Worker failed to boot.|SyntaxError: '(' was never closed
		an exception of any name|Traceback (most recent call last):\n  File "/srv/a.py", line 1, in <module>\n    raise error\ndjango.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY\n[INFO] bye|django.core.exceptions.ImproperlyConfigured: Set the SECRET_KEY
		a trace without its head|  File "/srv/a.py", line 1, in <module>\n    raise error\nconfig.Missing: DATABASE_URL\n[INFO] bye|config.Missing: DATABASE_URL
		a JVM|Unrecognized VM option 'PermSize=64m'\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.|Unrecognized VM option 'PermSize=64m'
		a JVM of old options|-Djava.ext.dirs=lib is not supported.  Use -classpath instead.\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.|-Djava.ext.dirs=lib is not supported. Use -classpath instead.
		Java's cause|Exception in thread "main" java.lang.IllegalStateException: cannot start\n\tat Main.main(Main.java:3)\nCaused by: java.io.FileNotFoundException: app.properties\n\tat java.base/Files.open(Files.java:2)\n\t... 3 more|Caused by: java.io.FileNotFoundException: app.properties
		node|node:events:502\n      throw er; // Unhandled 'error' event\n      ^\n\nError: listen EADDRINUSE: address already in use 127.0.0.1:80\n    at Server.setupListenHandle [as _listen2] (node:net:1908:16)\nEmitted 'error' event on Server instance at:\n    at emitErrorNT (node:net:1944:8) {\n  code: 'EADDRINUSE',\n}\n\nNode.js v20.20.2|Error: listen EADDRINUSE: address already in use 127.0.0.1:80
		perl|Can't locate No/Such.pm in @INC (you may need to install it) at m.pl line 1.\nBEGIN failed--compilation aborted at m.pl line 1.|Can't locate No/Such.pm in @INC (you may need to install it) at m.pl line 1.
		the loader|./x: error while loading shared libraries: libmine.so: cannot open shared object file: No such file or directory|./x: error while loading shared libraries: libmine.so: cannot open shared object file: No such file or directory
		a shell|Starting...\n./run: 2: nosuch: not found|./run: 2: nosuch: not found
		C++|terminate called after throwing an instance of 'std::runtime_error'\n  what():  cannot open the queue|what(): cannot open the queue
		Go|panic: open /etc/x.yaml: no such file or directory\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1d|panic: open /etc/x.yaml: no such file or directory
		Rust|thread 'main' panicked at src/main.rs:2:5:\ncalled `Result::unwrap()` on an `Err` value: NotFound|thread 'main' panicked at src/main.rs:2:5: called `Result::unwrap()` on an `Err` value: NotFound
		nothing of the kind|one\ntwo\nthree|three
		a time before words|at 12:30:01 it began\n12:30:02 may the port be free|may the port be free
	END
	assert_equal 'rows' "$count" 27
}

@test "no output, no reason" {
	found reasons ''

	assert_equal 'exit status' "$status" 1
	assert_equal 'reason' "$output" ''
}

# --- NAME|what it printed|the ports that it may mean

@test "a table of what programs print when their address is in use, and the port" {
	local name text wanted count=0
	while IFS='|' read -r name text wanted; do
		assert_found busy_port "$name" "$text" "$wanted"
		count=$((count + 1))
	done <<-'END'
		nginx|2026/11/26 23:14:24 [emerg] 12#12: bind() to 0.0.0.0:8000 failed (98: Address already in use)|8000
		nginx on IPv6|bind() to [::]:80 failed (98: Address already in use)|80
		redis|Could not create server TCP listening socket *:6379: bind: Address already in use|6379
		PostgreSQL|LOG:  could not bind IPv4 address "127.0.0.1": Address already in use\nHINT:  Is another postmaster already running on port 5432? If not, wait a few seconds and retry.|5432
		gunicorn|[ERROR] Connection in use: ('127.0.0.1', 8001)\n[ERROR] Can't connect to ('127.0.0.1', 8001)|8001
		uvicorn|ERROR: [Errno 98] error while attempting to bind on address ('::', 8002, 0, 0): address already in use|8002
		haproxy|[ALERT] (14) : Binding [h1.cfg:7] for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:81]|81
		apache|(98)Address already in use: AH00072: make_sock: could not bind to address [::]:80|80
		node|Error: listen EADDRINUSE: address already in use :::3000\n  errno: -98,\n  port: 3000|3000
		MariaDB|Can't start server: Bind on TCP/IP port. Got error: 98: Address already in use\nDo you already have another server running on port: 3306 ?|3306
		memcached|failed to listen on TCP port 11211: Address already in use|11211
		sshd|error: Bind to port 22 on 0.0.0.0 failed: Address already in use.|22
		Go|listen tcp :8080: bind: address already in use|8080
		Tomcat|java.net.BindException: Address already in use: JVM_Bind <null>:8080|8080
		Spring|Web server failed to start. Port 8080 was already in use.|8080
		a lonely number|cannot bind to 8080: Address already in use|8080
		Python, which names none|OSError: [Errno 98] Address already in use|
		two|0.0.0.0:80 and port 81: Address already in use|80 81
		no address in use|connected to 10.0.0.1:5432, port 22|
		numbers that are no port|23:10:29 pid 82 line 81 main.py:80 1.2.3.4 70000 port 70000 port 0 port 7x port 12.5 already in use|
	END
	assert_equal 'rows' "$count" 20
}

@test "megabytes of digits, and thousands of ports, are looked at for milliseconds" {
	run -0 env PYTHONPATH="$ROOT/pyhelpers" timeout 20 "$(python)" -s -c '
from base import busy_port, last_words, reasons
for text in ("already in use " + "9" * 8_000_000, "in use already in use" + " port 1" * 500, "already in use\n" + "1.1.1.1:9 " * 400):
    print(busy_port.ports(last_words.text_of(text.encode()[-last_words.MOST:])), len(reasons.reason(text)))
print(len(busy_port.ports("already in use " + " ".join(f"port {number}" for number in range(1, 500)))))
'

	assert_equal 'found' "$output" 'None 200
[1] 200
[9] 14
8'
}
