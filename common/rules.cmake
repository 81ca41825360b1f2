# How things are compiled here, and the four words the other CMakeLists use:
#   pe_room(NAME LINK ...)     one folder of common/ = one static library pe_NAME
#   pe_add_variant(ID)         one folder of variants/ = one object, built in and as ID.so
#   pe_add_exhibit(ID)         the same for variants/gallery, never among the variants
#   pe_add_test_folder(NAME)   one folder of tests/ = one CUnit binary per test_*.c

find_package(PkgConfig REQUIRED)
find_package(GSL REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(OPENBLAS IMPORTED_TARGET openblas)

add_library(pe_flags INTERFACE)
# Rounding is what we measure: no contraction to fused multiply-add behind our back. And GCC 12 drops
# two neighbouring (double)(float) casts altogether when it vectorises straight-line code
# (tests/numbers/test_compiler.c), so it may not.
target_compile_options(pe_flags INTERFACE
    -ffp-contract=off $<$<C_COMPILER_ID:GNU>:-fno-tree-slp-vectorize> -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion
    -Wstrict-prototypes -Wmissing-prototypes -Wvla
    $<$<BOOL:${POSENC_WERROR}>:-Werror>)
if(POSENC_SANITIZE)
    target_compile_options(pe_flags INTERFACE -fsanitize=${POSENC_SANITIZE}
        -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(pe_flags INTERFACE -fsanitize=${POSENC_SANITIZE})
endif()
if(POSENC_COVERAGE)
    target_compile_options(pe_flags INTERFACE --coverage -O0)
    target_link_options(pe_flags INTERFACE --coverage)
endif()

# Quad mathematics: glibc's libm has it (sinf128); libquadmath otherwise; else long double.
include(CheckCSourceCompiles)
set(CMAKE_REQUIRED_LIBRARIES m)
check_c_source_compiles("
    __extension__ typedef __float128 quad; quad sinf128(quad);
    int main(int n, char **v) { (void)v; return (int)sinf128(n); }" POSENC_HAVE_SINF128)
set(CMAKE_REQUIRED_LIBRARIES quadmath m)
check_c_source_compiles("
    __extension__ typedef __float128 quad; quad sinq(quad);
    int main(int n, char **v) { (void)v; return (int)sinq(n); }" POSENC_HAVE_SINQ)
unset(CMAKE_REQUIRED_LIBRARIES)

function(pe_room name)
    cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
    if(NOT sources)
        add_library(pe_${name} INTERFACE)
        return()
    endif()
    add_library(pe_${name} STATIC ${sources})
    target_include_directories(pe_${name} PUBLIC ${PROJECT_SOURCE_DIR}/common
        ${PROJECT_SOURCE_DIR}/common/api)
    target_compile_definitions(pe_${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(pe_${name} PUBLIC ${ARG_LINK} PRIVATE $<BUILD_INTERFACE:pe_flags>)
endfunction()

function(pe_add_module id folder)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/${id}.c)
    add_library(pe_variant_object_${id} OBJECT ${source})
    target_include_directories(pe_variant_object_${id} PRIVATE ${PROJECT_SOURCE_DIR}/common/api)
    target_link_libraries(pe_variant_object_${id} PRIVATE pe_flags)
    # The same object as a module: what is built in is what a stranger's host would load.
    add_library(${id} MODULE $<TARGET_OBJECTS:pe_variant_object_${id}>)
    target_link_libraries(${id} PRIVATE m pe_flags)
    if(NOT POSENC_SANITIZE)
        target_link_options(${id} PRIVATE -Wl,-z,defs)
    endif()
    set_target_properties(${id} PROPERTIES PREFIX "" LINKER_LANGUAGE C
        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/${folder})
endfunction()

function(pe_add_variant id)
    pe_add_module(${id} modules)
    set_property(GLOBAL APPEND PROPERTY POSENC_VARIANT_IDS ${id})
endfunction()

# A defect of the gallery: a module as any other, in a folder that nobody searches for variants.
function(pe_add_exhibit id)
    pe_add_module(${id} modules/gallery)
endfunction()

# Seconds for one test, on two shared cores; sanitizers slow whole experiments down.
set(POSENC_TEST_LIMIT 300)
if(POSENC_SANITIZE)
    set(POSENC_TEST_LIMIT 1200)
endif()

function(pe_add_test_folder name)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/test_*.c)
    foreach(source ${sources})
        get_filename_component(stem ${source} NAME_WE)
        string(REPLACE "test_" "" stem ${stem})
        set(target test_${name}_${stem})
        add_executable(${target} ${source})
        target_compile_definitions(${target} PRIVATE _GNU_SOURCE
            POSENC_SOURCE_DIR="${PROJECT_SOURCE_DIR}" POSENC_BINARY_DIR="${PROJECT_BINARY_DIR}")
        if(TARGET pe_${name})
            target_link_libraries(${target} PRIVATE pe_${name})
        else()
            target_link_libraries(${target} PRIVATE pe_experiments pe_all)
        endif()
        target_link_libraries(${target} PRIVATE pe_test_support pe_flags)
        add_test(NAME ${name}.${stem} COMMAND ${target}
            WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR})
        # Threads that spin while they wait take the cores from the tests that run beside them.
        set_tests_properties(${name}.${stem} PROPERTIES LABELS unit TIMEOUT ${POSENC_TEST_LIMIT} SKIP_RETURN_CODE 77
            ENVIRONMENT OMP_WAIT_POLICY=passive)
    endforeach()
endfunction()

# Which quad functions the host binds, for the rooms that do arithmetic in quad.
add_library(pe_quad INTERFACE)
if(POSENC_HAVE_SINF128)
    target_compile_definitions(pe_quad INTERFACE PE_QUAD_LIBM)
elseif(POSENC_HAVE_SINQ)
    target_compile_definitions(pe_quad INTERFACE PE_QUAD_LIBQUADMATH)
    target_link_libraries(pe_quad INTERFACE quadmath)
endif()

# Matrix products: OpenBLAS when it is there, plain loops in common/core otherwise.
# GSL asks for a cblas; OpenBLAS has one, an order of magnitude faster than gslcblas.
add_library(pe_blas INTERFACE)
add_library(pe_gsl INTERFACE)
find_library(POSENC_GSL_LIBRARY gsl REQUIRED)
target_include_directories(pe_gsl INTERFACE ${GSL_INCLUDE_DIRS})
if(OPENBLAS_FOUND)
    target_compile_definitions(pe_blas INTERFACE PE_HAVE_CBLAS)
    target_link_libraries(pe_blas INTERFACE PkgConfig::OPENBLAS)
    target_link_libraries(pe_gsl INTERFACE ${POSENC_GSL_LIBRARY} PkgConfig::OPENBLAS m)
else()
    target_link_libraries(pe_gsl INTERFACE GSL::gsl GSL::gslcblas m)
endif()
