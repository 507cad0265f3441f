// SPDX-License-Identifier: MIT
//
// Makes a Python of a program that has one linked in: preloaded, it runs this `main` in place of the
// program's own. It takes `-c CODE [ARG...]`, `-m MODULE [ARG...]` or `SCRIPT [ARG...]`, -B, -E, -I, -s, -S
// and -u before them, and -W and -X with their argument, which say nothing here. The program need not have
// Py_Main: a linker took only what the program's own main calls.
//
// $PYROPE_STUB_NAME is the path that the interpreter takes for its own (sys.executable); from there it finds
// its standard library, as any Python does: ../lib/pythonX.Y. Both variables that it takes to start are gone
// when Python begins.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

typedef int main_function(int, char **, char **);

// What is called of the program, by name: nothing of Python is known when this is compiled.
static void *python(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);
	if (!address) {
		fprintf(stderr, "run_stub: the program has no %s\n", name);
		exit(1);
	}
	return address;
}

static wchar_t *decode(const char *text)
{
	wchar_t *(*decode_text)(const char *, size_t *) = dlsym(RTLD_DEFAULT, "Py_DecodeLocale");
	if (!decode_text) // before 3.5
		decode_text = python("_Py_char2wchar");
	wchar_t *decoded = decode_text(text, NULL);
	if (!decoded) {
		fprintf(stderr, "run_stub: cannot decode '%s'\n", text);
		exit(1);
	}
	return decoded;
}

// sys.argv; sys.path[0] as well, as Python's own main sets it: the script's folder, or '' for -c.
static void set_arguments(int argc, char **argv)
{
	void (*set)(int, wchar_t **, int) = python("PySys_SetArgvEx");
	wchar_t **decoded = calloc((size_t)argc + 1, sizeof *decoded);
	if (!decoded)
		exit(1);
	for (int i = 0; i < argc; i++)
		decoded[i] = decode(argv[i]);
	set(argc, decoded, 1);
}

static int run_file(const char *path)
{
	int (*run)(FILE *, const char *, int, void *) = python("PyRun_AnyFileExFlags");
	FILE *file = fopen(path, "rb");
	if (!file) {
		fprintf(stderr, "run_stub: cannot open %s\n", path);
		return 2;
	}
	return run(file, path, 1, NULL) != 0;
}

static int run_python(int argc, char **argv, char **environment)
{
	(void)environment;
	const char *own_name = getenv("PYROPE_STUB_NAME");
	wchar_t *name = NULL;
	int *no_site = python("Py_NoSiteFlag"), *unbuffered = dlsym(RTLD_DEFAULT, "Py_UnbufferedStdioFlag");
	int *no_bytecode = dlsym(RTLD_DEFAULT, "Py_DontWriteBytecodeFlag");
	int next = 1;

	setlocale(LC_CTYPE, "");
	name = decode(own_name ? own_name : argv[0]);
	setlocale(LC_CTYPE, "C");
	unsetenv("LD_PRELOAD");
	unsetenv("PYROPE_STUB_NAME");
	for (; next < argc && argv[next][0] == '-' && argv[next][1] && strchr("BEIsSuWX", argv[next][1]);
		next++) {
		*no_site |= argv[next][1] == 'S';
		if (unbuffered && argv[next][1] == 'u')
			*unbuffered = 1;
		if (no_bytecode && argv[next][1] == 'B')
			*no_bytecode = 1;
		if (strcmp(argv[next], "-W") == 0 || strcmp(argv[next], "-X") == 0)
			next++;
	}
	if (next >= argc) {
		fprintf(stderr,
			"usage: %s [-BEIsSu] [-W ARG] [-X ARG] -c CODE | -m MODULE | SCRIPT [ARG...]\n",
			argv[0]);
		return 2;
	}
	((void (*)(wchar_t *))python("Py_SetProgramName"))(name);
	((void (*)(void))python("Py_Initialize"))();
	const char *code = NULL;
	if (strcmp(argv[next], "-c") == 0 && next + 1 < argc) {
		code = argv[++next];
		argv[next] = "-c";
	} else if (strcmp(argv[next], "-m") == 0 && next + 1 < argc) {
		code = "import runpy, sys; runpy._run_module_as_main(sys.argv[0])";
		next++;
	}
	set_arguments(argc - next, argv + next);
	int status = code
		? ((int (*)(const char *, void *))python("PyRun_SimpleStringFlags"))(code, NULL) != 0
		: run_file(argv[next]);
	((void (*)(void))python("Py_Finalize"))();
	return status;
}

int __libc_start_main(main_function *program_main, int argc, char **argv, void (*init)(void),
	void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
	int (*start)(main_function *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *) =
		dlsym(RTLD_NEXT, "__libc_start_main");
	// Only what has a Python in it: LD_PRELOAD is read by whatever is started on the way there, too.
	if (dlsym(RTLD_DEFAULT, "Py_Initialize"))
		program_main = run_python;
	return start(program_main, argc, argv, init, fini, rtld_fini, stack_end);
}
