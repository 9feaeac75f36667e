"""What did you mean?  Words of systemd, Supervisor, monit, Docker and others, and the words that say the same here.

Sources: systemd.service(5), systemd.exec(5), systemd.resource-control(5), http://supervisord.org/configuration.html,
monit(1), the restart policies of docker-run(1).  We suggest a word and never accept it in place of ours: a conf has one
spelling.  All words are in lower case here.
"""

from __future__ import annotations

from base.tokens import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Foreign = Mapping[str, str]


def _table(**ours: str) -> dict[str, str]:
    """From `our_word="their,words"` the table their word -> our word."""
    return {theirs: word for word, words in ours.items() for theirs in words.split(",")}


NOTHING = "no none off null nil never false disabled disable default".split()

NO = dict.fromkeys(NOTHING, "no")

YES_OR_NO = _table(yes="true,on,1,enable,enabled,always", no="false,off,0,none,never,disable,disabled")

START = _table(auto="true,yes,on,1,always,enabled", manual="false,no,off,0,never,disabled,ondemand,order")

RESTART = _table(
    unexpected="on-failure,on_failure,onfailure,on-abnormal,on-abort,on-watchdog,failure",
    always="true,yes,on,1,unless-stopped,auto",
    never="no,none,false,off,0,manual",
)

EVENTS = _table(
    death="crash,crashed,exit,exited,died,dead,down,nonexist,stop,stopped",
    give_up="fatal,failed,giveup",
    recovery="up,back,recovered,started,running,succeeded",
    hung="timeout,hang,unresponsive,watchdog",
    limit="resource,memory,cpu,limits",
)

CGROUP = _table(auto="yes,true,on,always", no="none,false,off,never")

CHANNEL_TYPE = _table(dgram="datagram,udp", seqpacket="packet", stream="tcp")

FD_PASSING = _table(listen="systemd,sd_listen_fds,socket,fork", scm="scm_rights,sendmsg,unix")

HEARTBEAT = _table(
    notify="sd_notify,systemd,watchdog,watchdogsec", shm="sysv,sysvshm,shared_memory", file="touch,mtime,pidfile"
)

CHECK = _table(tcp="connect,socket,port", http="https,url,get", command="exec,script,cmd,program,test")

PID_FROM = _table(own="self,parent,none", pidfile="pid,file,pid_file", log="logs,logfile")

LIMIT = _table(alert="warn,notify,log,mail,exec", restart="kill,stop,reload")

UNLIMITED = _table(unlimited="infinity,infinite,max,-1")

GIVE_UP = _table(never="no,none,off,0,false,unlimited")

OUTPUT = {
    **_table(kept="auto,keep,yes,true,on,file,default"),
    **dict.fromkeys("none null no off false".split(), "/dev/null"),
    **dict.fromkeys("inherit inherited stdout tty console".split(), "-"),
    **dict.fromkeys("journal systemd".split(), "|systemd-cat"),
    "syslog": "|logger",
}

SIGNALS = {
    **_table(HUP="1,hangup", INT="2,interrupt", QUIT="3", ABRT="6,abort", KILL="9", USR1="10", USR2="12", ALRM="14"),
    **_table(TERM="15,terminate", CONT="18,continue", WINCH="28", PWR="30"),
}

KEYS = _table(
    command="execstart,exec,cmd,program,start_program",
    dir="workingdirectory,working_directory,working_dir,directory,chdir,cwd,workdir",
    user="uid,runas",
    group="gid",
    environment="env",
    environment_clean="cleanenvironment,clean_environment,passenvironment,unsetenvironment",
    env_file="environmentfile,environment_file,dotenv",
    secrets="loadcredential,loadcredentialencrypted,setcredential,credentials",
    restart="autorestart,restart_policy",
    start="autostart,onreboot",
    restart_every="runtimemaxsec,cron_restart,max_lifetime",
    start_pre="execstartpre,execcondition,pre_start,prestart,start_precmd",
    start_post="execstartpost,post_start,poststart,start_postcmd",
    stop_post="execstoppost,post_stop,poststop,stop_postcmd",
    reload="execreload,reload_command,reloadsignal,reload_signal,reload_cmd",
    exit_codes="exitcodes,successexitstatus",
    start_seconds="startsecs",
    start_timeout="timeoutstartsec,timeoutsec",
    backoff="restartsec,throttle",
    give_up="startretries,startlimitburst,startlimitinterval,startlimitintervalsec,retries",
    stop="stopsignal,killsignal,stopwaitsecs,timeoutstopsec,execstop,stop_program,stop_command,kill_timeout",
    stop_tree="killmode,stopasgroup,killasgroup",
    pid_from="pidfile,pid_file",
    output="stdout_logfile,stderr_logfile,standardoutput,standarderror,logfile,log,stdout,stderr",
    output_max="stdout_logfile_maxbytes",
    output_keep="stdout_logfile_backups",
    instances="numprocs,process_num,replicas,scale,instance,workers",
    tags="labels,groups,tag,namespace",
    needs="after,requires,wants,depends,depends_on,dependson,priority",
    check="healthcheck,health_check",
    heartbeat="type",
    heartbeat_timeout="watchdogsec",
    sockets="listenstream",
    limit_nofile="minfds",
    limit_memory="limitas",
    memory_cap="memorymax,memorylimit,mem_limit",
    cpu_cap="cpuquota,cpus",
    tasks_cap="tasksmax,pids_limit",
    oom_score_adj="oomscoreadjust",
)


def meant(word: str, known: Sequence[str], foreign: Foreign) -> str:
    """`; did you mean X?` for the known word that says the same as this foreign one, or else is most similar; or ""."""
    ours = foreign.get(word.lower(), "")
    return f"; did you mean {ours}?" if ours else nearest(word, list(known))


def meant_nothing(text: str, word: str) -> str:
    """The same for an optional key, where `word` stands for no value: none, inherited, uname -n."""
    return meant(text, [word], dict.fromkeys(NOTHING, word)) if text.replace(" ", "").replace("-", "").isalpha() else ""
