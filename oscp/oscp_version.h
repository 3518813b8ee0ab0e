/*
 * The version of the whole: nginx shows it in its status, the programs in
 * --version.
 */

#ifndef OSCP_VERSION_H
#define OSCP_VERSION_H

#define OSCP_VERSION   "0.1.0"

#endif /* OSCP_VERSION_H */
