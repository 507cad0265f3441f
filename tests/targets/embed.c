/* SPDX-License-Identifier: MIT */
/*
 * A program with a Python inside: linked with libpython (-DLINKED), else opened with dlopen.
 *
 * usage: embed CODE [LIBRARY [MILLISECONDS]], so long before it is opened
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef LINKED

void Py_Initialize(void);
int PyRun_SimpleStringFlags(const char *code, void *flags);

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	Py_Initialize();
	return PyRun_SimpleStringFlags(argv[1], NULL) != 0;
}

#else

int main(int argc, char **argv)
{
	void *library;
	void (*initialize)(void);
	int (*run)(const char *, void *);

	if (argc < 3)
		return 2;
	if (argc > 3)
		usleep((unsigned)atoi(argv[3]) * 1000);
	library = dlopen(argv[2], RTLD_NOW | RTLD_GLOBAL);
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&initialize = dlsym(library, "Py_Initialize");
	*(void **)&run = dlsym(library, "PyRun_SimpleStringFlags");
	if (!initialize || !run)
		return 1;
	initialize();
	return run(argv[1], NULL) != 0;
}

#endif
