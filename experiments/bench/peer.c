#include "bench/peer.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern const char pe_bench_peers[]; /* the text of peers.py */

/* OpenBLAS keeps threads of its own beside those of torch; which of both should yield differs from
 * workload to workload. */
const pe_peer_setting pe_peer_settings[] = {
    {"default", {NULL}},
    {"passive waiting", {"OMP_WAIT_POLICY=passive", NULL}},
    {"BLAS on one thread", {"OPENBLAS_NUM_THREADS=1", NULL}},
    {"one thread", {"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", NULL}},
    {"AVX-512", {"ATEN_CPU_CAPABILITY=avx512", "OMP_WAIT_POLICY=passive", NULL}},
};
const int pe_peer_setting_count = sizeof pe_peer_settings / sizeof pe_peer_settings[0];

static const char *const keeping[] = {"MALLOC_MMAP_MAX_=0", "MALLOC_TRIM_THRESHOLD_=1000000000000",
                                      "GLIBC_TUNABLES=glibc.malloc.hugetlb=1", NULL};

static void set_all(const char *const *environment)
{
    for (; *environment; environment++) {
        char name[64];
        const char *equals = strchr(*environment, '=');
        snprintf(name, sizeof name, "%.*s", (int)(equals - *environment), *environment);
        setenv(name, equals + 1, 1);
    }
}

/* In the child: pipes at 0 and 1, what it complains about into the pipe, too. */
static void become_peer(const char *python, const char *workload, const pe_peer_setting *setting,
                        bool keeps_memory, int threads, const int ask[2], const int answer[2])
{
    char number[16];
    snprintf(number, sizeof number, "%d", threads);
    setenv("OMP_NUM_THREADS", number, 1);
    setenv("OPENBLAS_NUM_THREADS", number, 1);
    setenv("MKL_NUM_THREADS", number, 1);
    unsetenv("OMP_WAIT_POLICY"); /* ours, perhaps; the settings say theirs */
    set_all(setting->environment);
    if (keeps_memory)
        set_all(keeping);
    dup2(ask[0], STDIN_FILENO);
    dup2(answer[1], STDOUT_FILENO);
    dup2(answer[1], STDERR_FILENO);
    close(ask[1]);
    close(answer[0]);
    signal(SIGINT, SIG_IGN); /* the terminal sends it to both; ours stops the peer */
    execlp(python, python, "-c", pe_bench_peers, workload, (char *)NULL);
    printf("%s: %s\n", python, strerror(errno));
    fflush(stdout);
    _exit(127);
}

/* The next answer; else what the peer said last before it ended. */
static pe_status listen(pe_peer *peer, char *line, size_t size, pe_error *err)
{
    if (fgets(line, (int)size, peer->answer))
        return PE_OK;
    return pe_fail(err, PE_TOOL, "the peer ended without a word");
}

/* Until "ready", anything is a complaint of Python; the last line says what was wrong. */
static pe_status await_ready(pe_peer *peer, const char *python, pe_error *err)
{
    char line[512], last[512] = "";
    while (listen(peer, line, sizeof line, NULL) == PE_OK) {
        if (sscanf(line, "ready %lf", &peer->base_mb) == 1)
            return PE_OK;
        line[strcspn(line, "\n")] = 0;
        snprintf(last, sizeof last, "%s", line);
    }
    return pe_fail(err, PE_TOOL,
                   "%s cannot run the peers (%s); what is needed are python3-torch and "
                   "python3-numpy, or another Python that has them, named with --python",
                   python, last[0] ? last : "it ended without a word");
}

pe_status pe_peer_start(const char *python, const char *workload, const pe_peer_setting *setting,
                        bool keeps_memory, int threads, pe_peer *peer, pe_error *err)
{
    int ask[2], answer[2];
    *peer = (pe_peer){.process = -1};
    if (pipe(ask) != 0)
        return pe_fail(err, PE_MEMORY, "no pipe to a peer: %s", strerror(errno));
    if (pipe(answer) != 0) {
        close(ask[0]);
        close(ask[1]);
        return pe_fail(err, PE_MEMORY, "no pipe to a peer: %s", strerror(errno));
    }
    signal(SIGPIPE, SIG_IGN);
    fflush(NULL);
    peer->process = fork();
    if (peer->process == 0)
        become_peer(python, workload, setting, keeps_memory, threads, ask, answer);
    close(ask[0]);
    close(answer[1]);
    peer->ask = fdopen(ask[1], "w");
    peer->answer = fdopen(answer[0], "r");
    if (peer->process < 0 || !peer->ask || !peer->answer) {
        pe_peer_stop(peer);
        return pe_fail(err, PE_MEMORY, "no process for a peer: %s", strerror(errno));
    }
    pe_status status = await_ready(peer, python, err);
    if (status != PE_OK)
        pe_peer_stop(peer);
    return status;
}

pe_status pe_peer_run(pe_peer *peer, double *seconds, pe_error *err)
{
    char line[512];
    if (fputs("\n", peer->ask) < 0 || fflush(peer->ask) != 0)
        return pe_fail(err, PE_TOOL, "the peer has ended");
    pe_status status = listen(peer, line, sizeof line, err);
    if (status == PE_OK && sscanf(line, "%lf %lf", seconds, &peer->peak_mb) != 2)
        status = pe_fail(err, PE_TOOL, "the peer said: %s", line);
    return status;
}

void pe_peer_stop(pe_peer *peer)
{
    if (peer->ask)
        fclose(peer->ask); /* the end of its input ends it */
    if (peer->answer)
        fclose(peer->answer);
    if (peer->process > 0) {
        kill(peer->process, SIGKILL);
        waitpid(peer->process, NULL, 0);
    }
    *peer = (pe_peer){.process = -1};
}
