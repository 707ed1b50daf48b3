// Runs Kroxylicious from its jars, with a configuration file: its own command is not on Maven Central.

import io.kroxylicious.proxy.KafkaProxy;
import io.kroxylicious.proxy.config.ConfigParser;
import io.kroxylicious.proxy.internal.config.Features;
import java.nio.file.Files;
import java.nio.file.Path;

class Kroxylicious {
    public static void main(String[] given) throws Exception {
        var parser = new ConfigParser();
        var wanted = parser.parseConfiguration(Files.readString(Path.of(given[0])));
        try (var proxy = new KafkaProxy(parser, wanted, Features.defaultFeatures())) {
            proxy.startup();
            System.out.println("ready");
            proxy.block();
        }
    }
}
