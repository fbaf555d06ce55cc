using System.Runtime.Versioning;
using Tidemark.App.Tests.Cli;

namespace Tidemark.App.Tests.Deploy;

/// <summary>
/// deploy/azure/install.sh at its real paths, in a mount namespace of its own where /etc and /srv are others. Docker and
/// systemd are stand-ins that print what they are asked. Needs root, and a machine that allows the namespace.
/// </summary>
[SupportedOSPlatform("linux")]
public sealed class InstallTests : IDisposable
{
    private const string Prepare = """
        set -e
        cp -a /etc/. "$ROOT/etc/"
        mount --bind "$ROOT/etc" /etc
        mount -t tmpfs tmpfs /srv
        mkdir -p /etc/tidemark /etc/systemd/system /srv/tidemark /srv/bin
        [ -n "$NO_DISK" ] || mount -t tmpfs tmpfs /srv/tidemark
        mkdir -p /srv/tidemark/app
        cp -r "$DEPLOY" /srv/tidemark/app/deploy
        rm -rf /srv/tidemark/app/deploy/docker/.env /srv/tidemark/app/deploy/docker/secrets
        echo TIDEMARK_SITE=tidemark.example.org > /etc/tidemark/azure.env
        for program in docker systemctl; do
          printf '#!/bin/sh\necho "%s $*"\n' $program > /srv/bin/$program
          chmod +x /srv/bin/$program
        done
        export PATH=/srv/bin:$PATH
        install=/srv/tidemark/app/deploy/azure/install.sh

        """;

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("tidemark-install-");

    public InstallTests() => _root.CreateSubdirectory("etc");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public async Task Without_a_key_it_sets_everything_up_and_says_how_to_make_one()
    {
        var output = await SucceedAsync("""
            $install
            stat -c '%a %u %n' /srv/tidemark/*
            ls /etc/systemd/system | grep tidemark
            grep -A 3 COMPOSE_FILE /srv/tidemark/app/deploy/docker/.env
            """);
        Assert.Contains("docker compose run --rm admin key add", output, StringComparison.Ordinal);

        // Base images have their fixes under the same tag.
        Assert.Contains("docker compose build --pull api\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain("systemctl start", output, StringComparison.Ordinal);
        Assert.Contains("\n700 1654 /srv/tidemark/caddy\n700 1654 /srv/tidemark/keys\n", output, StringComparison.Ordinal);
        Assert.Contains("\ntidemark-backup.service\ntidemark-backup.timer\n", output, StringComparison.Ordinal);
        Assert.EndsWith(
            "COMPOSE_FILE=compose.yaml:compose.production.yaml\nTIDEMARK_DATA=/srv/tidemark\nTIDEMARK_SITE=tidemark.example.org\n",
            output,
            StringComparison.Ordinal);
    }

    /// <summary>PostgreSQL refuses a folder of another owner or mode, and a database other passwords.</summary>
    [Fact]
    public async Task Again_it_leaves_settings_passwords_and_the_database_s_folder_as_they_are()
    {
        var output = await SucceedAsync("""
            $install > /dev/null
            chown 70 /srv/tidemark/postgres && chmod 700 /srv/tidemark/postgres
            cd /srv/tidemark/app/deploy/docker
            sha256sum .env secrets/* > /srv/before
            $install > /dev/null
            sha256sum --check --quiet /srv/before
            stat -c '%a %u' /srv/tidemark/postgres
            """);
        Assert.Equal("700 70\n", output);
    }

    /// <summary>Otherwise every image has the same name, and none tells what it was built from.</summary>
    [Fact]
    public async Task An_image_that_is_built_has_its_commit_in_it_and_a_tag_to_go_back_to()
    {
        var output = await SucceedAsync("""
            printf '#!/bin/sh\necho "docker $* ${TIDEMARK_REVISION:-}"\n' > /srv/bin/docker
            export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
            git -C /srv/tidemark/app init -q
            git -C /srv/tidemark/app commit -q --allow-empty -m one
            $install > /srv/built
            commit=$(git -C /srv/tidemark/app rev-parse HEAD)
            grep -qxF "docker compose build --pull api $commit" /srv/built
            grep '^docker tag ' /srv/built | sed "s/$(echo "$commit" | cut -c 1-16)/COMMIT/"
            echo TIDEMARK_IMAGE=tidemark:0.1.0-0123456789abcdef >> /srv/tidemark/app/deploy/docker/.env
            $install | grep -cE 'build|pull api|tag' || true
            """);
        Assert.Matches(@"^docker tag (tidemark:[0-9.]+) \1-COMMIT \n0\n$", output);
    }

    [Fact]
    public async Task It_signs_in_to_a_registry_of_Azure_before_it_pulls()
    {
        var output = await SucceedAsync("""
            printf '#!/bin/sh\necho "login $*"\n' > /srv/tidemark/app/deploy/azure/registry-login.sh
            $install > /dev/null
            echo TIDEMARK_IMAGE=example.azurecr.io/tidemark:0.1.0 >> /srv/tidemark/app/deploy/docker/.env
            $install | grep -E 'login|pull api'
            """);
        Assert.Equal("login example.azurecr.io\ndocker compose pull api\n", output);
    }

    [Fact]
    public async Task With_a_key_it_starts_and_for_an_upgrade_it_does_not()
    {
        var output = await SucceedAsync("""
            $install > /dev/null
            echo '[{}]' > /srv/tidemark/keys/tidemark-keys.json
            echo TIDEMARK_IMAGE=registry.example.org/tidemark:0.1.0 >> /srv/tidemark/app/deploy/docker/.env
            $install --prepare
            echo then
            $install
            """);
        var (prepared, started) = (output.Split("then\n")[0], output.Split("then\n")[1]);
        Assert.Contains("docker compose pull api\n", prepared, StringComparison.Ordinal);
        Assert.DoesNotContain("systemctl start", prepared, StringComparison.Ordinal);
        Assert.Contains("systemctl start tidemark.service\ndocker compose up --detach --no-build --remove-orphans --wait\nsystemctl start "
            + "tidemark-refresh.timer", started, StringComparison.Ordinal);
        Assert.EndsWith("Tidemark runs: https://tidemark.example.org\n", started, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1", "$install", "the data disk isn't mounted at /srv/tidemark")]
    [InlineData(
        "",
        "mv /srv/tidemark/app /srv/tidemark/other; /srv/tidemark/other/deploy/azure/install.sh",
        "the clone belongs at /srv/tidemark/app")]
    public async Task What_is_missing_is_said_and_nothing_is_made(string noDisk, string command, string message)
    {
        var result = await RunAsync($"{command} || {{ ls /srv/tidemark; exit 1; }}", noDisk);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(message, Assert.Single(result.Error.TrimEnd().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("postgres", result.Output, StringComparison.Ordinal);
    }

    private async Task<string> SucceedAsync(string script)
    {
        var result = await RunAsync(script, "");
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        return result.Output;
    }

    private async Task<CliResult> RunAsync(string script, string noDisk)
    {
        string[] alone = ["--mount", "--propagation", "private", "sh", "-c"];
        var allowed = Tool.Find("unshare") is null ? null : await Tool.RunAsync("unshare", [.. alone, "mount -t tmpfs tmpfs /srv"]);
        Assert.SkipUnless(allowed is { ExitCode: 0 }, "mount namespaces are not allowed here");
        return await Tool.RunAsync(
            "unshare",
            [.. alone, Prepare + script],
            _root.FullName,
            null,
            [("ROOT", _root.FullName), ("DEPLOY", Repository.PathOf("deploy")), ("NO_DISK", noDisk)]);
    }
}
