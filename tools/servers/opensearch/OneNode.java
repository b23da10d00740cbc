// One OpenSearch node on 127.0.0.1 out of plain jars, for tests:  java -cp 'libs/*' OneNode.java HOME PORT [SETTING=VALUE …]
// Its modules come from the class path, where the distribution would unpack each into a folder of its own.

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.opensearch.analysis.common.CommonAnalysisPlugin;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.geo.GeoModulePlugin;
import org.opensearch.index.mapper.MapperExtrasPlugin;
import org.opensearch.index.reindex.ReindexPlugin;
import org.opensearch.ingest.common.IngestCommonPlugin;
import org.opensearch.node.Node;
import org.opensearch.painless.PainlessPlugin;
import org.opensearch.percolator.PercolatorPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

public final class OneNode extends Node {
    private static final List<Class<? extends Plugin>> MODULES = List.of(
        Netty4Plugin.class,
        CommonAnalysisPlugin.class,
        PainlessPlugin.class,
        ReindexPlugin.class,
        MapperExtrasPlugin.class,
        IngestCommonPlugin.class,
        GeoModulePlugin.class,
        PercolatorPlugin.class
    );

    private OneNode(Environment environment, Collection<Class<? extends Plugin>> modules) {
        super(environment, modules, false);
    }

    public static void main(String[] arguments) throws Exception {
        Path home = Path.of(arguments[0]).toAbsolutePath();
        for (String folder : List.of("config", "data", "logs", "modules", "plugins", "snapshots")) {
            Files.createDirectories(home.resolve(folder));
        }
        Environment environment = new Environment(settings(home, arguments), home.resolve("config"));
        Node node = new OneNode(environment, MODULES).start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        new CountDownLatch(1).await();
    }

    private static Settings settings(Path home, String[] arguments) throws java.io.IOException {
        Settings.Builder told = Settings.builder()
            .put("path.home", home)
            .put("path.data", home.resolve("data"))
            .put("path.logs", home.resolve("logs"))
            .putList("path.repo", home.resolve("snapshots").toString())
            .put("cluster.name", "alpr-tests")
            .put("node.name", "one")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", arguments[1])
            .put("transport.port", "0")
            .put("http.type", "netty4")
            .put("transport.type", "netty4")
            .put("node.processors", 2)
            // A nearly full disk is the machine's matter, not the tests'.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .put("bootstrap.system_call_filter", false);
        Path file = home.resolve("config/opensearch.yml");
        if (Files.exists(file)) {
            told.loadFromPath(file);
        }
        for (int n = 2; n < arguments.length; n++) {
            String[] setting = arguments[n].split("=", 2);
            told.put(setting[0], setting[1]);
        }
        return told.build();
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (java.io.IOException error) {
            throw new java.io.UncheckedIOException(error);
        }
    }
}
