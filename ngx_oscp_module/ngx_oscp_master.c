/*
 * The pid file, read.
 */

#include "ngx_oscp_master.h"


static ngx_pid_t ngx_oscp_master_read(const char *name);


ngx_uint_t
ngx_oscp_master_speaks(void)
{
    ngx_pid_t         pid;
    ngx_file_info_t   fi;
    ngx_core_conf_t  *ccf;

    if (ngx_process != NGX_PROCESS_WORKER) {
        return 1;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    pid = ngx_oscp_master_read((char *) ccf->pid.data);

    if (pid == ngx_parent) {
        return 1;
    }

    /* Moved aside, and the new master has not written its own yet. */
    if (pid == NGX_INVALID_PID && ngx_errno == NGX_ENOENT) {
        return ngx_file_info(ccf->oldpid.data, &fi) == NGX_FILE_ERROR;
    }

    /* Cannot be read, or was left by one that is dead. */
    return pid == NGX_INVALID_PID
           || (kill(pid, 0) == -1 && ngx_errno == NGX_ESRCH);
}


/* NGX_INVALID_PID with ngx_errno, which is 0 for a file without a number. */
static ngx_pid_t
ngx_oscp_master_read(const char *name)
{
    u_char     text[NGX_INT64_LEN + sizeof("\n")];
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_int_t  pid;

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return NGX_INVALID_PID;
    }

    n = ngx_read_fd(fd, text, sizeof(text));
    (void) ngx_close_file(fd);

    while (n > 0 && (text[n - 1] == LF || text[n - 1] == CR)) {
        n--;
    }

    pid = n > 0 ? ngx_atoi(text, n) : NGX_ERROR;

    if (pid <= 0) {
        ngx_set_errno(0);
        return NGX_INVALID_PID;
    }

    return pid;
}
