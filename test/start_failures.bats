#!/usr/bin/env bats
# Why a server does not start stands in four places: in status, in restart.log, in its alerts and in the SMS.
# Each test is a table of real failures; one monitor tries all of them at once, and gives each up after its first failure.

load helpers
load fixtures/recipes

teardown() {
	local status=0
	end_test || status=1
	[ -z "${CLUSTER:-}" ] || end_cluster
	[ -z "${PLACE:-}" ] || rm -rf "$PLACE"
	return "$status"
}

# given_failures - a monitor that gives up at once, and a hook that keeps what it hears of each give-up
# nginx tries for 2.5 s to listen, and is not taken for started meanwhile.
given_failures() {
	printf '%s\n' 'start_seconds = 20s' 'give_up = 1 in 60s' 'digest_after = none' 'hourly_budget = none' >"$BATS_TEST_TMPDIR/conf/monitor.conf"
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook sms '[ "$1" = give_up ] || exit 0' 'home=${0%/*}/../..' 'printf "%s\n" "$3" >"$home/sms.$2"' \
		'printf "%s\n" "$MONITOR_TEXT" >"$home/text.$2"' 'printf "%s\n" "$MONITOR_OUTPUT" >"$home/output.$2"'
	FILES=$BATS_TEST_TMPDIR/files
	mkdir "$FILES"
	NAMES=() REASONS=() OWN=()
}

# given_taken_port - $PORT is held by $HOLDER
given_taken_port() {
	PORT=$(free_port)
	given_program "$SERVERS/holder/holder"
	start_stranger "$SERVERS/holder" ./holder --port "$PORT"
	HOLDER="port $PORT is held by pid $BY_HAND (holder)"
	wait_until "$PATIENCE" is_listening "$PORT"
}

# rows OWN - the table on stdin: NAME | REASON | COMMAND | more lines of conf, with ; between
# Each server runs in a directory of its own, in $PLACE or beside the others, with a copy of $FILES in it. REASON is what a person must read; what stands
# behind an & in it need not be in the SMS. OWN: own, if the words are those of the suite; else printed.
rows() {
	local name reason command more place=${PLACE:-$SERVERS}
	while IFS='|' read -r name reason command more; do
		name=${name%"${name##*[! ]}"}
		cp -r "$FILES/." "$place/$name"
		IFS=';' read -ra more <<<"$more"
		given_conf "$name" "dir = $place/$name" "command = ${command:-./$name}" "${more[@]}"
		NAMES+=("$name") REASONS+=("$reason") OWN+=("$1")
	done < <(sed 's/ *| */|/g')
}

# assert_reasons - a monitor gives all of them up, and the reason of each stands in all four places
assert_reasons() {
	local number
	monitor_start "${NAMES[@]}" "$@"
	for number in "${!NAMES[@]}"; do
		wait_until "$PATIENCE" test -s "$BATS_TEST_TMPDIR/output.${NAMES[number]}"
	done
	suite status --json | sed 's/}, {/},\n{/g' >"$BATS_TEST_TMPDIR/status.json"
	for number in "${!NAMES[@]}"; do
		assert_reason "${NAMES[number]}" "${REASONS[number]%% & *}" "${REASONS[number]#* & }" "${OWN[number]}"
	done
}

# assert_reason NAME REASON MORE OWN
assert_reason() {
	assert_in "status of $1" "$(grep -F "{\"name\": \"$1\", \"state\": \"FATAL\"" "$BATS_TEST_TMPDIR/status.json")" \
		"$(in_json "$2")" "$(in_json "$3")"
	assert_in "restart.log of $1" "$(grep -F "Server $1 not started, no further try (" "$STATE/restart.log")" "$2" "$3"
	assert_in "alert of $1" "$(<"$BATS_TEST_TMPDIR/text.$1")" "$2" "$3"
	[ "$4" = own ] || assert_in "output of $1" "$(tr -s ' \n' ' ' <"$BATS_TEST_TMPDIR/output.$1")" "$2"
	assert_in "SMS of $1" "$(<"$BATS_TEST_TMPDIR/sms.$1")" "$2"
	assert_short "$1" "$(<"$BATS_TEST_TMPDIR/sms.$1")"
}

# forget_output - what servers printed leaves the state, where a trace of Python would be taken for one of the suite
forget_output() {
	monitor_stop
	sed -i -E 's/"output": ?"([^"\\]|\\.)*"//' "$STATE/history.jsonl" "$STATE"/alerts/*/*.json
}

# assert_in WHAT TEXT WORDS... - all of them
assert_in() {
	local words
	for words in "${@:3}"; do
		[[ $2 == *"$words"* ]] || assert_equal "$1" "$2" "$words"
	done
}

assert_short() {
	((${#2} <= 160)) || assert_equal "letters of the SMS of $1" "${#2}: $2" '160 at most'
}

in_json() {
	local text=${1//\\/\\\\}
	printf '%s' "${text//\"/\\\"}"
}

# scripts INTERPRETER - the table on stdin: NAME | TEXT; each is an executable in $FILES, with \n in it as in printf %b
scripts() {
	local name text
	while IFS='|' read -r name text; do
		printf '#!%s\n%b\n' "$1" "$text" >"$FILES/$name"
		chmod 755 "$FILES/$name"
	done < <(sed 's/ *| */|/')
}

@test "web servers and redis: a bad line of conf, a missing file, a port in use" {
	local name
	require nginx redis-server apache2 haproxy
	given_failures
	given_taken_port
	for name in directive port; do
		printf '%s\n' 'events {}' 'pid nginx.pid;' 'http {' 'access_log off;' 'client_body_temp_path a; proxy_temp_path b;' \
			'fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;' >"$FILES/nginx_$name.conf"
		printf '%s\n' "Listen 127.0.0.1:$PORT" 'ServerName localhost' 'PidFile apache.pid' 'ErrorLog /dev/stderr' \
			'LoadModule mpm_prefork_module /usr/lib/apache2/modules/mod_mpm_prefork.so' \
			'LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so' >"$FILES/apache_$name.conf"
		printf '%s\n' defaults ' mode http' ' timeout connect 5s' ' timeout client 5s' ' timeout server 5s' 'frontend f' \
			" bind 127.0.0.1:$PORT" >"$FILES/haproxy_$name.cfg"
	done
	printf '%s\n' 'lisen 80;' '}' >>"$FILES/nginx_directive.conf"
	printf '%s\n' "server { listen 127.0.0.1:$PORT; }" '}' >>"$FILES/nginx_port.conf"
	sed -i 's/^Listen/Lisen/' "$FILES/apache_directive.conf"
	sed -i 's/^ bind/ bnid/' "$FILES/haproxy_directive.cfg"
	printf 'prot 6379\n' >"$FILES/redis_directive.conf"
	printf 'dir /no/such\n' >"$FILES/redis_dir.conf"

	rows printed <<-END
		nginx_directive   | unknown directive "lisen" in                           | nginx -p . -e stderr -g 'daemon off;' -c nginx_directive.conf
		nginx_file        | failed (2: No such file or directory)                  | nginx -p . -e stderr -g 'daemon off;' -c nowhere.conf
		nginx_port        | bind() to 127.0.0.1:$PORT failed (98: Address already in use) & (98: Address already in use): $HOLDER | nginx -p . -e stderr -g 'daemon off;' -c nginx_port.conf
		redis_directive   | 'prot 6379' & 'prot 6379': Bad directive or wrong number of arguments | redis-server redis_directive.conf
		redis_dir         | 'dir /no/such' & 'dir /no/such': No such file or directory | redis-server redis_dir.conf
		redis_port        | 127.0.0.1:$PORT: bind: Address already in use & $HOLDER | redis-server --port $PORT --bind 127.0.0.1
		apache_directive  | Syntax error on line 1 of & Invalid command 'Lisen'    | apache2 -X -d . -f apache_directive.conf
		apache_port       | Address already in use & could not bind to address 127.0.0.1:$PORT: $HOLDER | apache2 -X -d . -f apache_port.conf
		haproxy_directive | unknown keyword 'bnid'                                 | haproxy -f haproxy_directive.cfg
		haproxy_port      | cannot bind socket (Address already in use) & $HOLDER  | haproxy -f haproxy_port.cfg
	END
	assert_reasons
}

@test "Python, node, perl and Java: syntax, a missing module, an option, a port in use" {
	require gunicorn uvicorn node perl java javac
	given_failures
	given_taken_port
	printf 'def app(\n' >"$FILES/syntax.py"
	printf 'import nosuchmodule\n' >"$FILES/module.py"
	printf 'class Misconfigured(Exception): pass\nraise Misconfigured("no SECRET_KEY")\n' >"$FILES/own.py"
	printf 'def app(environ, start): pass\n' >"$FILES/good.py"
	scripts "$(command -v node)" <<-END
		node_syntax | let x = ;
		node_module | require("nosuch")
		node_port   | require("http").createServer().listen($PORT, "127.0.0.1")
	END
	scripts "$(command -v perl)" <<-'END'
		perl_module | use No::Such;
		perl_die    | open(my $queue, "<", "/no/queue") or die "cannot open the queue: $!";
	END
	given_java_main

	rows printed <<-END
		gunicorn_syntax | SyntaxError: '(' was never closed                          | gunicorn -b unix:socket syntax:app
		gunicorn_module | ModuleNotFoundError: No module named 'nosuchmodule'        | gunicorn -b unix:socket module:app
		python_own      | Misconfigured: no SECRET_KEY                               | /usr/bin/python3 own.py
		python_port     | OSError: [Errno 98] Address already in use & $HOLDER       | /usr/bin/python3 -m http.server -b 127.0.0.1 $PORT
		uvicorn_port    | ('127.0.0.1', $PORT): address already in use & $HOLDER     | uvicorn --port $PORT good:app
		node_syntax     | SyntaxError: Unexpected token ';'
		node_module     | Error: Cannot find module 'nosuch'
		node_port       | listen EADDRINUSE: address already in use 127.0.0.1:$PORT & $HOLDER
		perl_module     | Can't locate No/Such.pm in @INC
		perl_die        | cannot open the queue: No such file or directory
		java_option     | Unrecognized VM option 'PermSize=64m'                      | java -XX:PermSize=64m -cp . Main
		java_old        | -Djava.ext.dirs=lib is not supported. & Use -classpath     | java -Djava.ext.dirs=lib -cp . Main
		java_jar        | Unable to access jarfile business.jar                      | java -jar business.jar
		java_port       | java.net.BindException: Address already in use & $HOLDER   | java -XX:TieredStopAtLevel=1 -Xshare:auto -cp . Main $PORT
	END
	assert_reasons
	forget_output
}

# given_java_main - $FILES has a class Main that listens on the port that is its argument
given_java_main() {
	cat >"$FILES/Main.java" <<-'END'
		public class Main {
			public static void main(String[] words) throws Exception {
				try {
					new java.net.ServerSocket(Integer.parseInt(words[0]), 5, java.net.InetAddress.getLoopbackAddress());
				} catch (java.io.IOException error) {
					throw new IllegalStateException("cannot start", error);
				}
			}
		}
	END
	javac -J-XX:TieredStopAtLevel=1 -d "$FILES" "$FILES/Main.java"
}

@test "PostgreSQL, C and the shell: conf, a port in use, a missing library, a missing command" {
	require_program postgresql
	require cc
	given_failures
	given_taken_port
	given_cluster
	local own=(listen_addresses=127.0.0.1 "unix_socket_directories=$CLUSTER")
	mkdir "$FILES/data"
	printf 'port ==\n' >"$FILES/data/postgresql.conf"
	given_c_programs
	scripts /bin/sh <<-'END'
		sh_command | ./begin\nnosuchcommand --port 80
		sh_syntax  | if true; fi
		sh_digits  | printf "%02000000d" 0; echo; echo "port 99999999: Address already in use [::]:0"; exit 1
	END

	PLACE=$CLUSTER rows printed <<-END
		postgres_conf      | near token "=" & syntax error in file "                        | $PROGRAM -D data                           | user = $CLUSTER_USER
		postgres_parameter | unrecognized configuration parameter "shared_bufers"           | $PROGRAM -D $CLUSTER/main -c shared_bufers=1 | user = $CLUSTER_USER
		postgres_directory | No such file or directory & postgres: could not access directory "$CLUSTER/postgres_directory/nowhere" | $PROGRAM -D nowhere | user = $CLUSTER_USER
		postgres_port      | could not bind IPv4 address "127.0.0.1": Address already in use & $HOLDER | $PROGRAM -D $CLUSTER/main -p $PORT -c ${own[0]} -c ${own[1]} | user = $CLUSTER_USER
	END
	rows printed <<-END
		library            | libmine.so: cannot open shared object file & error while loading shared libraries
		assertion          | 1 == 2' failed. & main: Assertion \`1 == 2' failed.
		sh_command         | nosuchcommand: not found
		sh_syntax          | Syntax error: "fi" unexpected
		sh_digits          | port 99999999: Address already in use [::]:0
	END
	assert_reasons
}

# given_c_programs - $FILES/library lacks a library, $FILES/assertion fails by its own assertion
given_c_programs() {
	printf 'int f(void) { return 1; }\n' | cc -shared -fPIC -o "$FILES/libmine.so" -x c -
	printf 'int f(void);\nint main(void) { return f(); }\n' | cc -o "$FILES/library" -x c - -x none "$FILES/libmine.so" -Wl,-rpath,/nowhere
	printf '#include <assert.h>\nint main(void) { assert(1 == 2); }\n' | cc -o "$FILES/assertion" -x c -
	rm "$FILES/libmine.so"
}

@test "what only the suite can say: no program, no directory, no right, an interpreter or a port that another has" {
	given_failures
	given_taken_port
	given_server serves
	printf 'int main(void) { return 0; }\n' | cc -o "$FILES/machine" -x c -
	printf '\377\377' | dd of="$FILES/machine" bs=1 seek=18 conv=notrunc status=none # e_machine, elf(5)
	scripts /no/such/interpreter <<-'END'
		interpreter | run
	END
	scripts /bin/sh <<-'END'
		right | exit 0
		conf  | exit 0
		port  | exit 0
	END
	chmod 644 "$FILES/right"
	printf 'exit 0\n' >"$FILES/first_line"
	chmod 755 "$FILES/first_line"

	rows own <<-END
		program     | no command: ./program is not in
		path        | no command: nosuchprogram is not in PATH                          | nosuchprogram --port 80
		right       | right is not executable; & chmod +x it
		interpreter | : its interpreter & interpreter is not there; install that
		first_line  | neither a program for this machine nor a script that begins with #!
		machine     | neither a program for this machine nor a script that begins with #!
		directory   | no directory & no directory $SERVERS/directory; set dir in        | ./directory
		conf        | No config file found: *.conf in                                   | ./conf | needs_file = *.conf
		port        | $HOLDER                                                           | ./port | port = $PORT
		output      | No such file or directory & output /no/such/log:                  | ./port | output = /no/such/log
	END
	rm -r "$SERVERS/directory"
	assert_reasons serves
}

@test "a user who may not: enter the directory, execute the program, read its conf" {
	[ "$(id -u)" -eq 0 ] || skip 'needs root'
	PLACE=$(mktemp -d /tmp/monitor-failures.XXXXXX) # the user may not look into the directories of bats
	chmod 755 "$PLACE"
	given_failures
	given_server serves
	scripts /bin/sh <<-'END'
		enter   | exit 0
		execute | exit 0
		read    | cat secret
	END
	printf 'x\n' >"$FILES/secret"
	chmod 600 "$FILES/secret"

	rows own <<-END
		enter   | uid 65534 may not enter                         || user = nobody
		execute | execute may not be executed by uid 65534        || user = nobody
	END
	rows printed <<-END
		read    | cat: secret: Permission denied                || user = nobody
	END
	chmod 700 "$PLACE/enter" "$PLACE/execute/execute"
	assert_reasons serves
}

@test "nginx counts as started while it waits for its port: who has that is said after its death, in status and in the alert" {
	require nginx
	given_failures
	given_taken_port
	printf '%s\n' 'start_seconds = 1s' 'give_up = 3 in 60s' >"$CONF/monitor.conf"
	printf '%s\n' 'events {}' 'pid nginx.pid;' 'http {' 'access_log off;' 'client_body_temp_path a; proxy_temp_path b;' \
		'fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;' "server { listen 127.0.0.1:$PORT; }" '}' >"$FILES/nginx.conf"
	# shellcheck disable=SC2016 # it is the hook that expands these
	given_hook sms 'printf "%s\n" "$MONITOR_TEXT" >>"${0%/*}/../../text.$1"'
	rows printed <<-END
		nginx | | nginx -p . -e stderr -g 'daemon off;' -c nginx.conf
	END

	monitor_start nginx

	assert_said "bind() to 127.0.0.1:$PORT failed (98: Address already in use): $HOLDER"
	wait_until "$PATIENCE" grep -qF "failed (98: Address already in use): $HOLDER" "$BATS_TEST_TMPDIR/text.death"
	wait_until "$PATIENCE" state_is nginx FATAL
	wait_until "$PATIENCE" message_says nginx "failed (98: Address already in use): $HOLDER"
	assert_equal 'reports' "$(grep -cF 'monitor.sh: nginx: [emerg]' "$PRINTED")" 1
}

@test "a search for who has the port is given up after a while, and not made for other words" {
	given_taken_port
	run -0 env PYTHONPATH="$ROOT/pyhelpers" timeout 30 "$(python)" -s - "$PORT" <<-'END'
		import sys, time
		from types import SimpleNamespace
		from loop.loop import Loop
		from watch import port_taken
		port = sys.argv[1]
		host, server = SimpleNamespace(loop=Loop(), psutil_home=""), SimpleNamespace(port=0, argv=["x"], pid=0)
		port_taken.scan.holder = lambda *words: time.sleep(20)
		port_taken.PATIENCE_MS = 200
		def then(text):
		    print(repr(text))
		    host.loop.ended = True
		port_taken.look(host, server, "port " + port + " is well", then)
		print(len(host.loop.errands))
		port_taken.look(host, server, "address already in use: port " + port, then)
		print(len(host.loop.errands))
		host.loop.ended = False
		host.loop.run()
	END

	assert_equal 'found' "$output" "''"$'\n0\n1\n'"''"
}

@test "a user who is not there is a fault of conf, and nothing is started" {
	given_server absent 'user = nosuchuser'

	suite_ends 6 absent

	grep -q 'conf/servers/absent.conf:2: user: .*nosuchuser' "$SAID"
}
