#!/usr/bin/env bats
# The lock of singletons in simulated worlds: bad clocks, lost answers, late writes, old reads, machines that stand still.

load helpers

# model WORLDS SEED [FAULT] - simulate so many worlds
model() {
	timeout 300 "$(python)" -E -s "$FIXTURES/lock_model.py" "$ROOT/pyhelpers" "$@" 3>&-
}

@test "in no world two machines run a singleton at the same time, and tokens grow" {
	seed=${LOCK_SEED:-$RANDOM}
	echo "seed $seed"

	run -0 model "${LOCK_WORLDS:-30}" "$seed"

	[[ ${lines[-1]} == "${LOCK_WORLDS:-30} worlds, "*' holds, 0 broken' ]]
	[[ ${lines[-1]} != *' 0 holds'* ]]
}

@test "the model finds it when a candidate takes the lock too early, or without a look at the beat, or a holder counts too long" {
	run -1 model 3 4 hasty
	[[ $output == *' has ended'* ]]
	run -1 model 2 1 blind
	[[ $output == *' has ended'* ]]
	run -1 model 2 1 long
	[[ $output == *' has ended'* ]]
	run -1 model 3 1 own
	[[ $output == *' has ended'* ]]
}
