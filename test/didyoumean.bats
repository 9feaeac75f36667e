#!/usr/bin/env bats
# A value that is nearly a word of its key, or that says the same in the conf of another supervisor, is refused with
# the word that was meant.

bats_require_minimum_version 1.5.0

load fixtures/conf

# assert_suggests KEY VALUE WORD - check refuses this value of KEY, and asks whether WORD was meant
assert_suggests() {
	given_conf servers/x.conf "$1 = $2"
	run -6 conf check
	[[ ${#lines[@]} = 1 && $output == "conf/servers/x.conf:1: "*"; did you mean $3?" ]] || {
		printf '%s = %s: found "%s", expected: did you mean %s?\n' "$1" "$2" "$output" "$3"
		return 1
	}
}

@test "a slip in a value: the nearest word of the key" {
	assert_suggests restart alway always
	assert_suggests output keep kept
	assert_suggests check 'htpp http://127.0.0.1/' http
	assert_suggests check 'comand ask' command
	assert_suggests heartbeat notfy notify
	assert_suggests stop 'TREM 5s KILL' TERM
	assert_suggests stop 'TERM 5s SIGKIL' KILL
	assert_suggests stop_tree ye yes
	assert_suggests pid_from 'pidfil run/x.pid' pidfile
	assert_suggests port non none
	assert_suggests alert_on 'death giveup' give_up
	assert_suggests max_memory '512M for 1m restrat' restart
	assert_suggests sockets tpc://127.0.0.1:80 tcp
}

@test "a word of systemd, Supervisor, monit or Docker: what says the same here" {
	assert_suggests restart on-failure unexpected
	assert_suggests restart on-abnormal unexpected
	assert_suggests restart no never
	assert_suggests restart unless-stopped always
	assert_suggests restart true always
	assert_suggests restart false never
	assert_suggests output inherit -
	assert_suggests output journal '|systemd-cat'
	assert_suggests output NONE /dev/null
	assert_suggests heartbeat sd_notify notify
	assert_suggests stop 15 TERM
	assert_suggests no_new_privileges true yes
	assert_suggests limit_nofile infinity unlimited
	assert_suggests user default inherited
	assert_suggests alert_on 'nonexist timeout' death
	assert_suggests check https://127.0.0.1/x 'http https://127.0.0.1/x'
	assert_suggests pid_from /run/x.pid 'pidfile /run/x.pid'
	assert_suggests give_up no never
}

@test "a key of theirs: ours" {
	for pair in ExecStart:command WorkingDirectory:dir autorestart:restart RestartSec:backoff startretries:give_up \
		stopsignal:stop stdout_logfile:output WatchdogSec:heartbeat_timeout PIDFile:pid_from MemoryMax:memory_cap; do
		given_conf servers/x.conf "${pair%:*} = 1"
		run -6 conf check
		[ "$output" = "conf/servers/x.conf:1: unknown key \"${pair%:*}\"; did you mean ${pair#*:}?" ]
	done
}

@test "what is like no word gets no suggestion, nor does the word itself" {
	assert_bad stop_tree maybe '"maybe" is not known; write yes or no'
	run ! grep 'did you mean' <<<"$output"
	assert_bad check http '"http" is no check'
	run ! grep 'did you mean' <<<"$output"
	assert_good output out "$BATS_TEST_TMPDIR/im/x/out"
	assert_good output ./keep "$BATS_TEST_TMPDIR/im/x/keep"
}

@test "every key that takes a word suggests it when its last letter stands there twice" {
	run -0 env PYTHONPATH="$SUITE/pyhelpers" python3 -s - <<-'END'
		from config import keys
		words = {default for default, *_ in [*keys.SUITE.values(), *keys.SERVER.values()]} - {""}
		words |= set("always unexpected never yes no auto dgram stream seqpacket listen scm shm notify channel tcp own".split())
		words |= set("death second give_up recovery hung limit unlimited HUP INT QUIT USR1 TERM kept".split())
		def complaint(parse, text):
		    try:
		        parse(text)
		    except ValueError as error:
		        return str(error)
		    return ""
		asked = 0
		for key, (_, parse, *_) in {**keys.SUITE, **keys.SERVER}.items():
		    for word in words:
		        slip = word + word[-1]
		        if not word[-1].isalpha() or complaint(parse, word) or not complaint(parse, slip):
		            continue
		        if not word[0].isalpha():  # a unit, a layout
		            continue
		        asked += 1
		        if not complaint(parse, slip).endswith(("; did you mean " + word + "?", "; did you mean " + word.split()[-1] + "?")):
		            print(f"{key} = {slip}: {complaint(parse, slip)}")
		assert asked > 60, asked
	END

	printf "%s\n" "$output"
	[ -z "$output" ]
}

@test "the words of others lead to words that their key takes" {
	run -0 env PYTHONPATH="$SUITE/pyhelpers" python3 -s - <<-'END'
		from config import keys, neighbours
		tables = {"restart": "RESTART", "start": "START", "alert_on": "EVENTS", "cgroup": "CGROUP", "channel_type": "CHANNEL_TYPE",
		    "fd_passing": "FD_PASSING", "give_up": "GIVE_UP", "output": "OUTPUT", "stop": "SIGNALS", "stop_tree": "YES_OR_NO",
		    "limit_core": "UNLIMITED"}
		for key, table in tables.items():
		    for theirs, ours in getattr(neighbours, table).items():
		        keys.SERVER[key][1](ours)
		        assert theirs == theirs.lower(), theirs
		assert set(neighbours.KEYS.values()) <= set(keys.SERVER)
		assert not set(neighbours.KEYS) & set(keys.SERVER)
	END
}
